live_sender.o: tests/bench/live_sender.c pulse/record_dastard.h \
  pulse/pulse_record.h

pulse/record_dastard.h:

pulse/pulse_record.h:
