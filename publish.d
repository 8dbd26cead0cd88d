publish.o: daemon/sink/publish.c daemon/sink/publish.h \
  calib/scan_products.h calib/photon_block.h pulse/status.h \
  calib/rixs_map.h calib/scan_timeline.h pulse/complaint.h \
  calib/yield_region.h daemon/curve_gate.h daemon/clock.h daemon/log.h \
  daemon/sink/topic_board.h daemon/sink/stream_message.h \
  daemon/sink/data_group.h daemon/data_array.h

daemon/sink/publish.h:

calib/scan_products.h:

calib/photon_block.h:

pulse/status.h:

calib/rixs_map.h:

calib/scan_timeline.h:

pulse/complaint.h:

calib/yield_region.h:

daemon/curve_gate.h:

daemon/clock.h:

daemon/log.h:

daemon/sink/topic_board.h:

daemon/sink/stream_message.h:

daemon/sink/data_group.h:

daemon/data_array.h:
