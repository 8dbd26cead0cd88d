web.o: daemon/cli/web.c daemon/cli/cli.h daemon/cli/stream_keys.h \
  daemon/client/subscriber.h daemon/client/stream_state.h \
  daemon/data_array.h daemon/client/file_pixels.h daemon/array_model.h \
  calib/calibration_table.h calib/calibration_curve.h calib/gain_fit.h \
  calib/natural_spline.h pulse/status.h calib/line_match.h \
  calib/peak_find.h calib/spectrum.h calib/line_shape.h \
  calib/line_table.h pulse/complaint.h pulse/height_correction.h \
  pulse/baseline_track.h pulse/measured_pulse.h \
  daemon/array_neighbours.h pulse/mains_track.h pulse/neighbour_height.h \
  pulse/pixel_model.h pulse/cut.h pulse/lag_parabola.h \
  pulse/pulse_record.h pulse/record_off.h pulse/residual_scale.h \
  pulse/second_pulse.h pulse/dot_kernel.h pulse/pulse_shape.h \
  pulse/record_store.h pulse/shape_fold.h daemon/client/file_states.h \
  daemon/client/pixel_layout.h daemon/client/web_server.h \
  daemon/client/web_store.h daemon/clock.h daemon/exit_code.h \
  daemon/log.h daemon/model_store.h daemon/source/file_bytes.h

daemon/cli/cli.h:

daemon/cli/stream_keys.h:

daemon/client/subscriber.h:

daemon/client/stream_state.h:

daemon/data_array.h:

daemon/client/file_pixels.h:

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

daemon/client/file_states.h:

daemon/client/pixel_layout.h:

daemon/client/web_server.h:

daemon/client/web_store.h:

daemon/clock.h:

daemon/exit_code.h:

daemon/log.h:

daemon/model_store.h:

daemon/source/file_bytes.h:
