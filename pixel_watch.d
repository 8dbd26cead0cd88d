pixel_watch.o: daemon/pixel_watch.c daemon/pixel_watch.h \
  daemon/row_block.h calib/photon_block.h pulse/status.h \
  daemon/inner_event.h pulse/measured_pulse.h daemon/pixel_detail.h \
  calib/calibration_curve.h calib/gain_fit.h calib/natural_spline.h \
  daemon/data_array.h pulse/pixel_model.h pulse/complaint.h pulse/cut.h \
  pulse/lag_parabola.h pulse/pulse_record.h pulse/record_off.h \
  pulse/residual_scale.h pulse/second_pulse.h pulse/dot_kernel.h \
  pulse/pulse_shape.h pulse/record_store.h pulse/shape_fold.h

daemon/pixel_watch.h:

daemon/row_block.h:

calib/photon_block.h:

pulse/status.h:

daemon/inner_event.h:

pulse/measured_pulse.h:

daemon/pixel_detail.h:

calib/calibration_curve.h:

calib/gain_fit.h:

calib/natural_spline.h:

daemon/data_array.h:

pulse/pixel_model.h:

pulse/complaint.h:

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
