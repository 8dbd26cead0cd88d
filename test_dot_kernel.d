test_dot_kernel.o: tests/pulse/test_dot_kernel.c pulse/dot_kernel.h \
  pulse/lag_parabola.h pulse/pulse_record.h tests/pulse/synthetic.h \
  tests/seeded.h

pulse/dot_kernel.h:

pulse/lag_parabola.h:

pulse/pulse_record.h:

tests/pulse/synthetic.h:

tests/seeded.h:
