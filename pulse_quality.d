pulse_quality.o: pulse/pulse_quality.c pulse/pulse_quality.h pulse/cut.h \
  pulse/dot_kernel.h pulse/lag_parabola.h pulse/pulse_record.h \
  pulse/pixel_model.h pulse/complaint.h pulse/measured_pulse.h \
  pulse/record_off.h pulse/residual_scale.h pulse/status.h \
  pulse/second_pulse.h pulse/pulse_shape.h pulse/record_store.h \
  pulse/shape_fold.h

pulse/pulse_quality.h:

pulse/cut.h:

pulse/dot_kernel.h:

pulse/lag_parabola.h:

pulse/pulse_record.h:

pulse/pixel_model.h:

pulse/complaint.h:

pulse/measured_pulse.h:

pulse/record_off.h:

pulse/residual_scale.h:

pulse/status.h:

pulse/second_pulse.h:

pulse/pulse_shape.h:

pulse/record_store.h:

pulse/shape_fold.h:
