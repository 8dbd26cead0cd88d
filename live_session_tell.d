live_session_tell.o: daemon/live_session_tell.c \
  daemon/calibration_progress.h calib/calibration_watch.h \
  calib/calibration_table.h calib/calibration_curve.h calib/gain_fit.h \
  calib/natural_spline.h pulse/status.h calib/line_match.h \
  calib/peak_find.h calib/spectrum.h calib/line_shape.h \
  calib/line_table.h pulse/complaint.h pulse/height_correction.h \
  pulse/baseline_track.h pulse/measured_pulse.h daemon/row_block.h \
  calib/photon_block.h daemon/inner_event.h daemon/scan_event.h \
  daemon/clock.h daemon/json_value.h daemon/live_session_parts.h \
  daemon/calibration_id.h daemon/array_model.h daemon/array_neighbours.h \
  pulse/mains_track.h pulse/neighbour_height.h pulse/pixel_model.h \
  pulse/cut.h pulse/lag_parabola.h pulse/pulse_record.h \
  pulse/record_off.h pulse/residual_scale.h pulse/second_pulse.h \
  pulse/dot_kernel.h pulse/pulse_shape.h pulse/record_store.h \
  pulse/shape_fold.h daemon/control/scan_link.h daemon/live_alarms.h \
  daemon/live_beamline.h daemon/control/control_router.h \
  calib/rixs_map.h daemon/control/scan_server.h \
  daemon/control/scan_call.h daemon/control/scan_regions.h \
  calib/yield_region.h calib/scan_timeline.h \
  daemon/control/scan_session.h daemon/curve_gate.h daemon/live_status.h \
  daemon/source/acquisition_status.h daemon/trigger_mode.h \
  daemon/options.h daemon/live_book.h daemon/stage/live_scan.h \
  calib/scan_products.h daemon/stage/scan_view.h pulse/livetime.h \
  pulse/time_span.h daemon/live_runs.h daemon/live_array.h \
  daemon/record_block.h daemon/channel_record.h daemon/live_session.h \
  daemon/follower.h daemon/live_plan.h daemon/ring.h \
  daemon/source/follow.h daemon/source/read_queue.h \
  daemon/source/run_folder.h daemon/ingest.h daemon/source/live.h \
  pulse/record_dastard.h daemon/stage/reconcile.h daemon/live_disk.h \
  daemon/live_sink.h daemon/live_losses.h daemon/upstream_loss.h \
  daemon/live_learning.h daemon/learning_desk.h daemon/learning.h \
  daemon/beamtime.h daemon/source/run_input.h \
  daemon/calibration_states.h daemon/learning_input.h \
  daemon/sink/report_spectra.h daemon/live_model.h daemon/pixel_watch.h \
  daemon/sink/photon_feed.h daemon/sink/publish.h \
  daemon/source/status_link.h daemon/log.h daemon/pixel_detail.h \
  daemon/data_array.h daemon/sink/data_group.h

daemon/calibration_progress.h:

calib/calibration_watch.h:

calib/calibration_table.h:

calib/calibration_curve.h:

calib/gain_fit.h:

calib/natural_spline.h:

pulse/status.h:

calib/line_match.h:

calib/peak_find.h:

calib/spectrum.h:

calib/line_shape.h:

calib/line_table.h:

pulse/complaint.h:

pulse/height_correction.h:

pulse/baseline_track.h:

pulse/measured_pulse.h:

daemon/row_block.h:

calib/photon_block.h:

daemon/inner_event.h:

daemon/scan_event.h:

daemon/clock.h:

daemon/json_value.h:

daemon/live_session_parts.h:

daemon/calibration_id.h:

daemon/array_model.h:

daemon/array_neighbours.h:

pulse/mains_track.h:

pulse/neighbour_height.h:

pulse/pixel_model.h:

pulse/cut.h:

pulse/lag_parabola.h:

pulse/pulse_record.h:

pulse/record_off.h:

pulse/residual_scale.h:

pulse/second_pulse.h:

pulse/dot_kernel.h:

pulse/pulse_shape.h:

pulse/record_store.h:

pulse/shape_fold.h:

daemon/control/scan_link.h:

daemon/live_alarms.h:

daemon/live_beamline.h:

daemon/control/control_router.h:

calib/rixs_map.h:

daemon/control/scan_server.h:

daemon/control/scan_call.h:

daemon/control/scan_regions.h:

calib/yield_region.h:

calib/scan_timeline.h:

daemon/control/scan_session.h:

daemon/curve_gate.h:

daemon/live_status.h:

daemon/source/acquisition_status.h:

daemon/trigger_mode.h:

daemon/options.h:

daemon/live_book.h:

daemon/stage/live_scan.h:

calib/scan_products.h:

daemon/stage/scan_view.h:

pulse/livetime.h:

pulse/time_span.h:

daemon/live_runs.h:

daemon/live_array.h:

daemon/record_block.h:

daemon/channel_record.h:

daemon/live_session.h:

daemon/follower.h:

daemon/live_plan.h:

daemon/ring.h:

daemon/source/follow.h:

daemon/source/read_queue.h:

daemon/source/run_folder.h:

daemon/ingest.h:

daemon/source/live.h:

pulse/record_dastard.h:

daemon/stage/reconcile.h:

daemon/live_disk.h:

daemon/live_sink.h:

daemon/live_losses.h:

daemon/upstream_loss.h:

daemon/live_learning.h:

daemon/learning_desk.h:

daemon/learning.h:

daemon/beamtime.h:

daemon/source/run_input.h:

daemon/calibration_states.h:

daemon/learning_input.h:

daemon/sink/report_spectra.h:

daemon/live_model.h:

daemon/pixel_watch.h:

daemon/sink/photon_feed.h:

daemon/sink/publish.h:

daemon/source/status_link.h:

daemon/log.h:

daemon/pixel_detail.h:

daemon/data_array.h:

daemon/sink/data_group.h:
