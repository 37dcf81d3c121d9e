"""Sends one call of each kind with the stock Python client and ends with the line "ok"."""
import os
import sys

from segment.analytics import Client

failed = []
client = Client(
    os.environ["SLUICE_KEY"],
    host=os.environ["SLUICE_URL"],
    gzip=os.environ["SLUICE_CLIENT"] == "python-gzip",
    on_error=lambda error, items: failed.append(type(error).__name__),
)
client.identify(user_id="u-1", anonymous_id="a-1", traits={"plan": "pro"})
client.track(user_id="u-1", anonymous_id="a-1", event="Lesson Started", properties={"course": "c1", "position": 12.5}, context={"ip": "203.0.113.77"})
client.page(user_id="u-1", anonymous_id="a-1", name="Home", properties={"url": "https://edu.example/?token=canary"})
client.screen(user_id="u-1", anonymous_id="a-1", name="Player")
client.group(user_id="u-1", anonymous_id="a-1", group_id="g-1", traits={"size": "small"})
client.alias(previous_id="a-1", user_id="u-1")
client.shutdown()
if failed:
    sys.exit("not delivered: " + ", ".join(failed))
print("ok")
