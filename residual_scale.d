residual_scale.o: pulse/residual_scale.c pulse/residual_scale.h \
  pulse/status.h pulse/robust.h

pulse/residual_scale.h:

pulse/status.h:

pulse/robust.h:
