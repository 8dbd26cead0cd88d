#!/usr/bin/python3
"""subscribe.py [--count N] [--final] [ENDPOINT [ROI]]: prints the PFY of tesd as it grows. Needs python3-zmq and python3-numpy.
Columns: incident energy, yield, its error: the very numbers of the NeXus file. Stream v1 is described in stream.md."""
import argparse
import json
import numpy as np
import zmq

options = argparse.ArgumentParser(description=__doc__)
options.add_argument('endpoint', nargs='?', default='tcp://127.0.0.1:5560')
options.add_argument('roi', nargs='?', default='', help='name of a region; without it all of them')
options.add_argument('--count', type=int, default=0, help='stop after so many spectra')
options.add_argument('--final', action='store_true', help='print a scan only when all its points are final')
options = options.parse_args()

socket = zmq.Context().socket(zmq.SUB)
socket.subscribe(f'pfy/{options.roi}/' if options.roi else 'pfy/')
socket.connect(options.endpoint)
seen, printed = {}, 0
while not options.count or printed < options.count:
    topic, header, *blobs = socket.recv_multipart()
    header = json.loads(header)
    key = (header['boot'], topic)
    if header['v'] > 1 or seen.get(key, 0) >= header['seq']:  # a state that was sent again
        continue
    if key in seen and header['seq'] > seen[key] + 1:
        print(f"# {header['seq'] - seen[key] - 1} states missed")
    seen[key] = header['seq']
    if options.final and (header['final_points'] < header['n_points'] or header['point'] + 1 < header['n_points']):
        continue
    arrays = {a['name']: np.frombuffer(blobs[a['blob']], a['dtype']).reshape(a['shape']) for a in header['arrays'] if a['codec'] == 'none'}
    print(f"# {header['title']}: point {header['point'] + 1} of {header['n_points']}, counts / ({header['normalised_by']})")
    for row in zip(arrays['incident_energy'], arrays['yield'], arrays['yield_errors']):
        print('%.17g %.17g %.17g' % row)
    printed += 1
