file_pixels.o: daemon/client/file_pixels.c daemon/client/file_pixels.h \
  daemon/array_model.h calib/calibration_table.h \
  calib/calibration_curve.h calib/gain_fit.h calib/natural_spline.h \
  pulse/status.h calib/line_match.h calib/peak_find.h calib/spectrum.h \
  calib/line_shape.h calib/line_table.h pulse/complaint.h \
  pulse/height_correction.h pulse/baseline_track.h \
  pulse/measured_pulse.h daemon/array_neighbours.h pulse/mains_track.h \
  pulse/neighbour_height.h pulse/pixel_model.h pulse/cut.h \
  pulse/lag_parabola.h pulse/pulse_record.h pulse/record_off.h \
  pulse/residual_scale.h pulse/second_pulse.h pulse/dot_kernel.h \
  pulse/pulse_shape.h pulse/record_store.h pulse/shape_fold.h \
  daemon/client/file_states.h daemon/client/stream_state.h \
  daemon/data_array.h daemon/h5_file.h /usr/include/hdf5/serial/hdf5.h \
  /usr/include/hdf5/serial/H5public.h \
  /usr/include/hdf5/serial/H5pubconf.h \
  /usr/include/hdf5/serial/H5version.h \
  /usr/include/hdf5/serial/H5api_adpt.h \
  /usr/include/hdf5/serial/H5Apublic.h \
  /usr/include/hdf5/serial/H5Ipublic.h \
  /usr/include/hdf5/serial/H5Opublic.h \
  /usr/include/hdf5/serial/H5Lpublic.h \
  /usr/include/hdf5/serial/H5Tpublic.h \
  /usr/include/hdf5/serial/H5ACpublic.h \
  /usr/include/hdf5/serial/H5Cpublic.h \
  /usr/include/hdf5/serial/H5Dpublic.h \
  /usr/include/hdf5/serial/H5Epublic.h \
  /usr/include/hdf5/serial/H5Epubgen.h \
  /usr/include/hdf5/serial/H5Fpublic.h \
  /usr/include/hdf5/serial/H5FDpublic.h \
  /usr/include/hdf5/serial/H5Gpublic.h \
  /usr/include/hdf5/serial/H5MMpublic.h \
  /usr/include/hdf5/serial/H5Ppublic.h \
  /usr/include/hdf5/serial/H5Spublic.h \
  /usr/include/hdf5/serial/H5Zpublic.h \
  /usr/include/hdf5/serial/H5PLpublic.h \
  /usr/include/hdf5/serial/H5Rpublic.h \
  /usr/include/hdf5/serial/H5FDcore.h \
  /usr/include/hdf5/serial/H5FDdirect.h \
  /usr/include/hdf5/serial/H5FDfamily.h \
  /usr/include/hdf5/serial/H5FDhdfs.h /usr/include/hdf5/serial/H5FDlog.h \
  /usr/include/hdf5/serial/H5FDmirror.h \
  /usr/include/hdf5/serial/H5FDmpi.h /usr/include/hdf5/serial/H5FDmpio.h \
  /usr/include/hdf5/serial/H5FDmulti.h \
  /usr/include/hdf5/serial/H5FDros3.h \
  /usr/include/hdf5/serial/H5FDsec2.h \
  /usr/include/hdf5/serial/H5FDsplitter.h \
  /usr/include/hdf5/serial/H5FDstdio.h daemon/json_value.h daemon/log.h \
  daemon/photon_file.h calib/photon_block.h daemon/h5_input.h \
  daemon/pixel_detail.h

daemon/client/file_pixels.h:

daemon/array_model.h:

calib/calibration_table.h:

calib/calibration_curve.h:

calib/gain_fit.h:

calib/natural_spline.h:

pulse/status.h:

calib/line_match.h:

calib/peak_find.h:

calib/spectrum.h:

calib/line_shape.h:

calib/line_table.h:

pulse/complaint.h:

pulse/height_correction.h:

pulse/baseline_track.h:

pulse/measured_pulse.h:

daemon/array_neighbours.h:

pulse/mains_track.h:

pulse/neighbour_height.h:

pulse/pixel_model.h:

pulse/cut.h:

pulse/lag_parabola.h:

pulse/pulse_record.h:

pulse/record_off.h:

pulse/residual_scale.h:

pulse/second_pulse.h:

pulse/dot_kernel.h:

pulse/pulse_shape.h:

pulse/record_store.h:

pulse/shape_fold.h:

daemon/client/file_states.h:

daemon/client/stream_state.h:

daemon/data_array.h:

daemon/h5_file.h:

/usr/include/hdf5/serial/hdf5.h:

/usr/include/hdf5/serial/H5public.h:

/usr/include/hdf5/serial/H5pubconf.h:

/usr/include/hdf5/serial/H5version.h:

/usr/include/hdf5/serial/H5api_adpt.h:

/usr/include/hdf5/serial/H5Apublic.h:

/usr/include/hdf5/serial/H5Ipublic.h:

/usr/include/hdf5/serial/H5Opublic.h:

/usr/include/hdf5/serial/H5Lpublic.h:

/usr/include/hdf5/serial/H5Tpublic.h:

/usr/include/hdf5/serial/H5ACpublic.h:

/usr/include/hdf5/serial/H5Cpublic.h:

/usr/include/hdf5/serial/H5Dpublic.h:

/usr/include/hdf5/serial/H5Epublic.h:

/usr/include/hdf5/serial/H5Epubgen.h:

/usr/include/hdf5/serial/H5Fpublic.h:

/usr/include/hdf5/serial/H5FDpublic.h:

/usr/include/hdf5/serial/H5Gpublic.h:

/usr/include/hdf5/serial/H5MMpublic.h:

/usr/include/hdf5/serial/H5Ppublic.h:

/usr/include/hdf5/serial/H5Spublic.h:

/usr/include/hdf5/serial/H5Zpublic.h:

/usr/include/hdf5/serial/H5PLpublic.h:

/usr/include/hdf5/serial/H5Rpublic.h:

/usr/include/hdf5/serial/H5FDcore.h:

/usr/include/hdf5/serial/H5FDdirect.h:

/usr/include/hdf5/serial/H5FDfamily.h:

/usr/include/hdf5/serial/H5FDhdfs.h:

/usr/include/hdf5/serial/H5FDlog.h:

/usr/include/hdf5/serial/H5FDmirror.h:

/usr/include/hdf5/serial/H5FDmpi.h:

/usr/include/hdf5/serial/H5FDmpio.h:

/usr/include/hdf5/serial/H5FDmulti.h:

/usr/include/hdf5/serial/H5FDros3.h:

/usr/include/hdf5/serial/H5FDsec2.h:

/usr/include/hdf5/serial/H5FDsplitter.h:

/usr/include/hdf5/serial/H5FDstdio.h:

daemon/json_value.h:

daemon/log.h:

daemon/photon_file.h:

calib/photon_block.h:

daemon/h5_input.h:

daemon/pixel_detail.h:
