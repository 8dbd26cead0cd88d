topic_board.o: daemon/sink/topic_board.c daemon/sink/topic_board.h \
  daemon/curve_gate.h daemon/sink/stream_message.h \
  daemon/sink/data_group.h calib/scan_products.h calib/photon_block.h \
  pulse/status.h calib/rixs_map.h calib/scan_timeline.h \
  pulse/complaint.h calib/yield_region.h daemon/data_array.h \
  daemon/sink/publish.h daemon/clock.h daemon/log.h

daemon/sink/topic_board.h:

daemon/curve_gate.h:

daemon/sink/stream_message.h:

daemon/sink/data_group.h:

calib/scan_products.h:

calib/photon_block.h:

pulse/status.h:

calib/rixs_map.h:

calib/scan_timeline.h:

pulse/complaint.h:

calib/yield_region.h:

daemon/data_array.h:

daemon/sink/publish.h:

daemon/clock.h:

daemon/log.h:
