ingest.o: daemon/ingest.c daemon/ingest.h daemon/analysis_team.h \
  daemon/record_block.h daemon/channel_record.h pulse/pulse_record.h \
  pulse/record_off.h daemon/row_block.h calib/photon_block.h \
  pulse/status.h daemon/inner_event.h pulse/measured_pulse.h \
  daemon/stage/live_analyse.h daemon/array_model.h \
  calib/calibration_table.h calib/calibration_curve.h calib/gain_fit.h \
  calib/natural_spline.h calib/line_match.h calib/peak_find.h \
  calib/spectrum.h calib/line_shape.h calib/line_table.h \
  pulse/complaint.h pulse/height_correction.h pulse/baseline_track.h \
  daemon/array_neighbours.h pulse/mains_track.h pulse/neighbour_height.h \
  pulse/pixel_model.h pulse/cut.h pulse/lag_parabola.h \
  pulse/residual_scale.h pulse/second_pulse.h pulse/dot_kernel.h \
  pulse/pulse_shape.h pulse/record_store.h pulse/shape_fold.h \
  daemon/live_plan.h daemon/live_array.h daemon/trigger_mode.h \
  daemon/ring.h daemon/source/live.h pulse/record_dastard.h \
  daemon/stage/reconcile.h daemon/clock.h daemon/log.h

daemon/ingest.h:

daemon/analysis_team.h:

daemon/record_block.h:

daemon/channel_record.h:

pulse/pulse_record.h:

pulse/record_off.h:

daemon/row_block.h:

calib/photon_block.h:

pulse/status.h:

daemon/inner_event.h:

pulse/measured_pulse.h:

daemon/stage/live_analyse.h:

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

pulse/complaint.h:

pulse/height_correction.h:

pulse/baseline_track.h:

daemon/array_neighbours.h:

pulse/mains_track.h:

pulse/neighbour_height.h:

pulse/pixel_model.h:

pulse/cut.h:

pulse/lag_parabola.h:

pulse/residual_scale.h:

pulse/second_pulse.h:

pulse/dot_kernel.h:

pulse/pulse_shape.h:

pulse/record_store.h:

pulse/shape_fold.h:

daemon/live_plan.h:

daemon/live_array.h:

daemon/trigger_mode.h:

daemon/ring.h:

daemon/source/live.h:

pulse/record_dastard.h:

daemon/stage/reconcile.h:

daemon/clock.h:

daemon/log.h:
