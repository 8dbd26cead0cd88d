pixel_learner.o: pulse/pixel_learner.c pulse/cut_limits.h \
  pulse/pixel_model.h pulse/complaint.h pulse/cut.h pulse/lag_parabola.h \
  pulse/measured_pulse.h pulse/pulse_record.h pulse/record_off.h \
  pulse/residual_scale.h pulse/status.h pulse/second_pulse.h \
  pulse/dot_kernel.h pulse/pulse_shape.h pulse/record_store.h \
  pulse/shape_fold.h pulse/pulse_quality.h pulse/edge_trigger.h \
  pulse/gap_filter.h pulse/optimal_filter.h pulse/linear.h \
  pulse/noise_mains.h pulse/noise_plan.h pulse/noise_model.h \
  pulse/open_filter.h pulse/pixel_tail.h pulse/pulse_template.h \
  pulse/pulse_times.h pulse/robust.h pulse/sample_turn.h

pulse/cut_limits.h:

pulse/pixel_model.h:

pulse/complaint.h:

pulse/cut.h:

pulse/lag_parabola.h:

pulse/measured_pulse.h:

pulse/pulse_record.h:

pulse/record_off.h:

pulse/residual_scale.h:

pulse/status.h:

pulse/second_pulse.h:

pulse/dot_kernel.h:

pulse/pulse_shape.h:

pulse/record_store.h:

pulse/shape_fold.h:

pulse/pulse_quality.h:

pulse/edge_trigger.h:

pulse/gap_filter.h:

pulse/optimal_filter.h:

pulse/linear.h:

pulse/noise_mains.h:

pulse/noise_plan.h:

pulse/noise_model.h:

pulse/open_filter.h:

pulse/pixel_tail.h:

pulse/pulse_template.h:

pulse/pulse_times.h:

pulse/robust.h:

pulse/sample_turn.h:
