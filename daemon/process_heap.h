/* daemon/process_heap.h - how much of what the C library's heap has freed stays with the process, for a service that runs for months.
 *   _keep, once at the start: what the record port frees is kept for the next messages;   _give_back, now and then: what nobody has used goes back
 * Messages, products that grow with each point and what scans leave come and go in many sizes, and a backlog of a second (a busy machine) leaves holes
 * between them that nothing later fits into: of 222 MiB of heaps 82 were holes after three minutes at 24,000 records/s, while messages still held the
 * buffers they came in (source/live.c). Reading a calibration of 240 pixels leaves 34 more. */
#ifndef TESD_DAEMON_PROCESS_HEAP_H
#define TESD_DAEMON_PROCESS_HEAP_H

/* Before there are threads. */
void process_heap_keep(void);
/* Any thread; some milliseconds. Each thread that frees or allocates meanwhile may wait for a part of them. */
void process_heap_give_back(void);

#endif
