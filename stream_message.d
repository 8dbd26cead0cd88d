stream_message.o: daemon/sink/stream_message.c \
  daemon/sink/stream_message.h daemon/sink/data_group.h \
  calib/scan_products.h calib/photon_block.h pulse/status.h \
  calib/rixs_map.h calib/scan_timeline.h pulse/complaint.h \
  calib/yield_region.h daemon/data_array.h daemon/sink/publish.h \
  daemon/curve_gate.h daemon/json_value.h

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

daemon/curve_gate.h:

daemon/json_value.h:
