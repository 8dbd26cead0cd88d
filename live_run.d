live_run.o: daemon/live_run.c daemon/live_run.h daemon/options.h \
  calib/rixs_map.h calib/photon_block.h pulse/status.h \
  calib/yield_region.h calib/scan_timeline.h pulse/complaint.h \
  daemon/clock.h daemon/exit_code.h daemon/follower.h daemon/live_plan.h \
  daemon/array_model.h calib/calibration_table.h \
  calib/calibration_curve.h calib/gain_fit.h calib/natural_spline.h \
  calib/line_match.h calib/peak_find.h calib/spectrum.h \
  calib/line_shape.h calib/line_table.h pulse/height_correction.h \
  pulse/baseline_track.h pulse/measured_pulse.h \
  daemon/array_neighbours.h pulse/mains_track.h pulse/neighbour_height.h \
  pulse/pixel_model.h pulse/cut.h pulse/lag_parabola.h \
  pulse/pulse_record.h pulse/record_off.h pulse/residual_scale.h \
  pulse/second_pulse.h pulse/dot_kernel.h pulse/pulse_shape.h \
  pulse/record_store.h pulse/shape_fold.h daemon/live_array.h \
  daemon/record_block.h daemon/channel_record.h daemon/trigger_mode.h \
  daemon/ring.h daemon/source/follow.h daemon/source/read_queue.h \
  daemon/source/run_folder.h daemon/ingest.h daemon/analysis_team.h \
  daemon/row_block.h daemon/inner_event.h daemon/stage/live_analyse.h \
  daemon/source/live.h pulse/record_dastard.h daemon/stage/reconcile.h \
  daemon/live_disk.h daemon/live_sink.h calib/scan_products.h \
  daemon/scan_event.h daemon/live_status.h \
  daemon/source/acquisition_status.h daemon/stage/live_scan.h \
  daemon/stage/scan_view.h daemon/live_learning.h \
  daemon/calibration_progress.h calib/calibration_watch.h \
  daemon/learning_desk.h daemon/learning.h daemon/beamtime.h \
  daemon/source/run_input.h daemon/calibration_states.h \
  daemon/learning_input.h daemon/sink/report_spectra.h \
  daemon/live_book.h pulse/livetime.h pulse/time_span.h \
  daemon/live_reload.h daemon/live_session.h daemon/live_losses.h \
  daemon/upstream_loss.h daemon/live_model.h daemon/log.h \
  daemon/metrics.h daemon/pipeline.h daemon/service.h

daemon/live_run.h:

daemon/options.h:

calib/rixs_map.h:

calib/photon_block.h:

pulse/status.h:

calib/yield_region.h:

calib/scan_timeline.h:

pulse/complaint.h:

daemon/clock.h:

daemon/exit_code.h:

daemon/follower.h:

daemon/live_plan.h:

daemon/array_model.h:

calib/calibration_table.h:

calib/calibration_curve.h:

calib/gain_fit.h:

calib/natural_spline.h:

calib/line_match.h:

calib/peak_find.h:

calib/spectrum.h:

calib/line_shape.h:

calib/line_table.h:

pulse/height_correction.h:

pulse/baseline_track.h:

pulse/measured_pulse.h:

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

daemon/live_array.h:

daemon/record_block.h:

daemon/channel_record.h:

daemon/trigger_mode.h:

daemon/ring.h:

daemon/source/follow.h:

daemon/source/read_queue.h:

daemon/source/run_folder.h:

daemon/ingest.h:

daemon/analysis_team.h:

daemon/row_block.h:

daemon/inner_event.h:

daemon/stage/live_analyse.h:

daemon/source/live.h:

pulse/record_dastard.h:

daemon/stage/reconcile.h:

daemon/live_disk.h:

daemon/live_sink.h:

calib/scan_products.h:

daemon/scan_event.h:

daemon/live_status.h:

daemon/source/acquisition_status.h:

daemon/stage/live_scan.h:

daemon/stage/scan_view.h:

daemon/live_learning.h:

daemon/calibration_progress.h:

calib/calibration_watch.h:

daemon/learning_desk.h:

daemon/learning.h:

daemon/beamtime.h:

daemon/source/run_input.h:

daemon/calibration_states.h:

daemon/learning_input.h:

daemon/sink/report_spectra.h:

daemon/live_book.h:

pulse/livetime.h:

pulse/time_span.h:

daemon/live_reload.h:

daemon/live_session.h:

daemon/live_losses.h:

daemon/upstream_loss.h:

daemon/live_model.h:

daemon/log.h:

daemon/metrics.h:

daemon/pipeline.h:

daemon/service.h:
