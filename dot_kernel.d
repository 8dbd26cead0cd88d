dot_kernel.o: pulse/dot_kernel.c pulse/dot_kernel.h pulse/lag_parabola.h \
  pulse/pulse_record.h

pulse/dot_kernel.h:

pulse/lag_parabola.h:

pulse/pulse_record.h:
