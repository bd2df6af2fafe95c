"""Keeps each event of a topic once, in order. usage: python3 consumer.py BROKERS GROUP TOPIC FILE.db"""
import json, signal, sqlite3, sys
from confluent_kafka import Consumer, KafkaException

brokers, group, topic, file = sys.argv[1:]
db = sqlite3.connect(file)
db.execute("CREATE TABLE IF NOT EXISTS last (topic, user, seq INTEGER, PRIMARY KEY (topic, user))")
db.execute("CREATE TABLE IF NOT EXISTS effects (topic, user, seq INTEGER, type)")


def apply(message):
    try:
        event, headers = json.loads(message.value()), dict(message.headers() or [])
        user, seq, kind = event["userId"], int(headers["seq"]), event["eventType"]
    except (TypeError, KeyError, ValueError) as wrong:
        print(f"passed over: partition {message.partition()}, offset {message.offset()}: {wrong!r}", file=sys.stderr)
        return
    row = db.execute("SELECT seq FROM last WHERE topic = ? AND user = ?", (topic, user)).fetchone()
    if row is None or seq > row[0]:  # else it is a repetition
        db.execute("INSERT INTO effects VALUES (?, ?, ?, ?)", (topic, user, seq, kind))  # here is what you do
        db.execute("INSERT OR REPLACE INTO last VALUES (?, ?, ?)", (topic, user, seq))


consumer = Consumer({"bootstrap.servers": brokers, "group.id": group,
                     "auto.offset.reset": "earliest", "enable.auto.commit": False})
consumer.subscribe([topic])
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
try:
    while True:
        messages = consumer.consume(500, 1.0)
        with db:  # one transaction: the effects and how far they are
            for message in messages:
                print(message.error(), file=sys.stderr) if message.error() else apply(message)
        try:
            if messages:
                consumer.commit(asynchronous=False)  # after the effects
        except KafkaException as error:  # then they come again, and are dropped
            print(error, file=sys.stderr)
finally:
    consumer.close()
