live_disk.o: daemon/live_disk.c daemon/live_disk.h daemon/array_model.h \
  calib/calibration_table.h calib/calibration_curve.h calib/gain_fit.h \
  calib/natural_spline.h pulse/status.h calib/line_match.h \
  calib/peak_find.h calib/spectrum.h calib/line_shape.h \
  calib/line_table.h pulse/complaint.h pulse/height_correction.h \
  pulse/baseline_track.h pulse/measured_pulse.h \
  daemon/array_neighbours.h pulse/mains_track.h pulse/neighbour_height.h \
  pulse/pixel_model.h pulse/cut.h pulse/lag_parabola.h \
  pulse/pulse_record.h pulse/record_off.h pulse/residual_scale.h \
  pulse/second_pulse.h pulse/dot_kernel.h pulse/pulse_shape.h \
  pulse/record_store.h pulse/shape_fold.h daemon/live_array.h \
  daemon/record_block.h daemon/channel_record.h daemon/trigger_mode.h \
  daemon/live_sink.h calib/scan_products.h calib/photon_block.h \
  calib/rixs_map.h calib/scan_timeline.h calib/yield_region.h \
  daemon/row_block.h daemon/inner_event.h daemon/scan_event.h \
  daemon/live_status.h daemon/source/acquisition_status.h \
  daemon/options.h daemon/ring.h daemon/stage/live_scan.h \
  daemon/stage/scan_view.h daemon/clock.h daemon/kept_session.h \
  daemon/log.h daemon/sink/journal.h daemon/journal_format.h \
  daemon/sink/disk_engine.h daemon/sink/live_archive.h \
  daemon/sink/raw_recorder.h daemon/sink_desk.h pulse/record_dastard.h

daemon/live_disk.h:

daemon/array_model.h:

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

daemon/live_sink.h:

calib/scan_products.h:

calib/photon_block.h:

calib/rixs_map.h:

calib/scan_timeline.h:

calib/yield_region.h:

daemon/row_block.h:

daemon/inner_event.h:

daemon/scan_event.h:

daemon/live_status.h:

daemon/source/acquisition_status.h:

daemon/options.h:

daemon/ring.h:

daemon/stage/live_scan.h:

daemon/stage/scan_view.h:

daemon/clock.h:

daemon/kept_session.h:

daemon/log.h:

daemon/sink/journal.h:

daemon/journal_format.h:

daemon/sink/disk_engine.h:

daemon/sink/live_archive.h:

daemon/sink/raw_recorder.h:

daemon/sink_desk.h:

pulse/record_dastard.h:
