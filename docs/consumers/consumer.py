"""Keeps each event of a topic once, in order. usage: python3 consumer.py BROKERS GROUP TOPIC FILE.db"""
import json, sqlite3, sys
from confluent_kafka import Consumer

brokers, group, topic, file = sys.argv[1:]
db = sqlite3.connect(file)
db.execute("CREATE TABLE IF NOT EXISTS effects (user, seq INTEGER, type, PRIMARY KEY (user, seq))")
consumer = Consumer({"bootstrap.servers": brokers, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False})
consumer.subscribe([topic])
while True:
    messages = [message for message in consumer.consume(500, 1.0) if not message.error()]
    with db:  # one transaction: the effects, and by them how far they are
        for message in messages:
            seq = int(dict(message.headers() or []).get("seq", 0))  # without one it is no event, and passed over
            user = (message.key() or b"").decode()
            last = db.execute("SELECT coalesce(max(seq), 0) FROM effects WHERE user = ?", (user,)).fetchone()[0]
            if seq > last:  # else it is a repetition
                db.execute("INSERT INTO effects VALUES (?, ?, ?)", (user, seq, json.loads(message.value())["eventType"]))
    if messages:
        consumer.commit(asynchronous=False)  # after the effects
