"""bench/cluster's windows in Quix Streams: quix_job.py BROKERS TOPIC ANSWERS GRACE_MS STATE_FOLDER

A record of TOPIC is a reading as JSON under its device's name; ends when nothing has come for some
seconds. State and change log as they come; windows close by partition, since no device's own next
reading comes to close its last."""
import sys
from datetime import timedelta

from quixstreams import Application
from quixstreams.dataframe.windows import Count, Max, Mean, Min

BROKERS, TOPIC, ANSWERS, GRACE_MS, STATE = sys.argv[1:6]
SILENCE = 5  # seconds

app = Application(broker_address=BROKERS, consumer_group='windows-' + ANSWERS, state_dir=STATE,
                  auto_offset_reset='earliest', loglevel='ERROR')
readings = app.topic(TOPIC, key_deserializer='str',
                     timestamp_extractor=lambda value, headers, timestamp, kind: value['ts'])
answers = app.topic(ANSWERS, key_serializer='str')
windows = (app.dataframe(readings)
           .tumbling_window(timedelta(seconds=10), grace_ms=timedelta(milliseconds=int(GRACE_MS)),
                            on_late=lambda *_: False)
           .agg(count=Count(), min=Min('v'), max=Max('v'), avg=Mean('v'))
           .final(closing_strategy='partition'))
windows.apply(lambda window, key, timestamp, headers: {
    'device': key, 'start': window['start'], 'count': window['count'], 'min': window['min'],
    'max': window['max'], 'avg': window['avg']}, metadata=True).to_topic(answers)
app.run(timeout=SILENCE, collect=False)
