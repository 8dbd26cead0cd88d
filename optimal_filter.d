optimal_filter.o: pulse/optimal_filter.c pulse/optimal_filter.h \
  pulse/dot_kernel.h pulse/lag_parabola.h pulse/pulse_record.h \
  pulse/status.h pulse/linear.h

pulse/optimal_filter.h:

pulse/dot_kernel.h:

pulse/lag_parabola.h:

pulse/pulse_record.h:

pulse/status.h:

pulse/linear.h:
