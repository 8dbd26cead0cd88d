dot_kernel_avx2.o: pulse/dot_kernel_avx2.c pulse/dot_kernel_parts.h \
  pulse/dot_kernel.h pulse/lag_parabola.h pulse/pulse_record.h

pulse/dot_kernel_parts.h:

pulse/dot_kernel.h:

pulse/lag_parabola.h:

pulse/pulse_record.h:
