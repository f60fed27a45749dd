"""A simulated vehicle that nobody at AtlasMesh wrote: it joins, takes trips, drives their routes, and stops when told.

    python3 -m venv venv && venv/bin/pip install -r examples/requirements.txt
    atlasmesh garage register --profile docs/guides/vehicle.json
    atlasmesh garage bootstrap NAME --out bootstrap.json
    sh examples/enrol.sh bootstrap.json identity
    venv/bin/python examples/vehicle.py bootstrap.json identity LAT,LON [TIMES_FASTER]

The messages are those of crates/link/proto/atlasmesh/link/v1/link.proto. What a real vehicle adds: its own map, its own
storage, and a safety system of its own, which outranks everything said here.
"""
import json, math, queue, sys, threading, time, uuid
from pathlib import Path

import grpc

sys.path.insert(0, str(Path(__file__).parents[1] / "crates/link/proto"))
pb, rpc = grpc.protos_and_services("atlasmesh/link/v1/link.proto")

bootstrap, identity, start, *rest = sys.argv[1:]
identity, address = Path(identity), json.loads(Path(bootstrap).read_text())["link"]
faster = float(rest[0]) if rest else 1.0
here, odometer_m, trip, sequence, reports = [float(x) for x in start.split(",")], 0.0, None, 0, 0
stops, latched = set(), False  # a clearance ends a stop and moves nothing; only a resume or a new dispatch does
rules, behind_us = pb.SiteRules(), 0  # where nobody may drive, and how far this clock is behind the server's
digits = "0123456789abcdefghjkmnpqrstvwxyz"
number = (int(time.time() * 1e3) << 80) | (uuid.uuid4().int & ((1 << 80) - 1)) & ~(0xF << 76) | (7 << 76)
number = number & ~(3 << 62) | (2 << 62)  # a UUID of version 7: boots sort by time
boot = "boot_" + "".join(digits[(number >> (5 * n)) & 31] for n in range(25, -1, -1))
out = queue.Queue()


class Left(Exception):
    """The trip was taken from the vehicle."""


def say(**message):
    out.put(pb.FromVehicle(**message))


def now_us():
    return int(time.time() * 1e6)


def position():
    return pb.Position(lat=here[0], lon=here[1])


def report(dispatch, epoch, occupied, **kind):
    global reports
    reports += 1
    say(trip_report=pb.TripReport(
        report_seq=reports, boot_id=boot, trip_id=dispatch.trip_id, claim_epoch=epoch, vehicle_time_us=now_us(),
        position=position(), odometer_m=odometer_m, occupied=occupied, mode=pb.MODE_AUTONOMOUS, **kind))


def sample(speed_mps=0.0, progress_m=0.0, occupied=False):
    global sequence
    sequence += 1
    say(telemetry=pb.TelemetryBatch(boot_id=boot, first_seq=sequence, kept_from_seq=1, samples=[pb.Sample(
        seq=sequence, vehicle_time_us=now_us(), lat=here[0], lon=here[1], speed_mps=speed_mps, battery_pct=80,
        odometer_m=odometer_m, mode=pb.MODE_AUTONOMOUS, trip_id=trip or "", progress_m=progress_m,
        flags=8 | (1 if occupied else 0))]))


def closed(point):
    """The closures and zones in force that a place is in, by the server's time."""
    def inside(area):
        sides = zip(area, [*area[1:], area[0]])
        cuts = [a.lon + (point.lat - a.lat) / (b.lat - a.lat) * (b.lon - a.lon)
                for a, b in sides if (a.lat > point.lat) != (b.lat > point.lat)]
        return sum(point.lon < lon for lon in cuts) % 2 == 1
    time_us = now_us() + behind_us
    return [rule for rule in rules.rules
            if rule.from_us <= time_us and not 0 < rule.until_us <= time_us and inside(rule.area)]


def leads_in(route):
    """Whether a route leads into what is closed; who is inside may leave."""
    points = [*route.approach.points, *route.trip.points]
    outside = False
    for a, b in zip(points, points[1:]):
        for n in range(parts := max(1, math.ceil(metres(a, b) / 5))):
            point = pb.Point(lat=a.lat + (b.lat - a.lat) * n / parts, lon=a.lon + (b.lon - a.lon) * n / parts)
            if closed(point) and outside:
                return True
            outside = outside or not closed(point)
    return False


def metres(a, b):
    return math.hypot(b.lat - a.lat, (b.lon - a.lon) * math.cos(math.radians(a.lat))) * 111_195


def drive(leg, progress_m, occupied, tell):
    """Follows a line at its planned speeds; stands where it is told to. Answers how far it came."""
    global here, odometer_m, latched
    told, stands, reason = time.monotonic(), False, "COMMANDED"
    limits = [(step.length_m, step.speed_mps) for step in leg.steps]
    for a, b in zip(leg.points, leg.points[1:]):
        length, done = metres(a, b), 0.0
        while done < length:
            time.sleep(0.05)
            if trip is None:
                raise Left
            speed = limits[0][1] if limits else 5.0
            step = min(speed * 0.05 * faster, length - done)
            ahead = min(1.0, (done + step + 15) / length)
            ahead = pb.Point(lat=a.lat + (b.lat - a.lat) * ahead, lon=a.lon + (b.lon - a.lon) * ahead)
            around = closed(position())  # who is inside leaves, except where all must stop
            must_stop = any(getattr(rule, "class") == pb.RULE_CLASS_STOP for rule in around)
            if not latched and (must_stop or closed(ahead) and not around):
                latched, reason = True, "ROAD_CLOSED"  # until somebody says resume
            if latched != stands:
                stands = latched
                tell(occupied, resumed=pb.Resumed()) if not stands else tell(occupied, safe_stopped=pb.SafeStopped(
                    **{"class": pb.STOP_CLASS_NEAREST_ADMISSIBLE}, reason=reason, admissible=True))
                reason = "COMMANDED"
            if not stands:
                done, progress_m, odometer_m = done + step, progress_m + step, odometer_m + step
                share = done / length
                here = [a.lat + (b.lat - a.lat) * share, a.lon + (b.lon - a.lon) * share]
                while limits and step >= limits[0][0]:
                    step -= limits.pop(0)[0]
                if limits:
                    limits[0] = (limits[0][0] - step, limits[0][1])
            if time.monotonic() - told >= 1:
                told = time.monotonic()
                sample(0.0 if stands else speed, progress_m, occupied)
    return progress_m


def serve(command):
    global trip
    dispatch, began = command.dispatch, time.monotonic()
    trip = dispatch.trip_id

    def tell(occupied, **kind):
        report(dispatch, command.claim_epoch, occupied, **kind)

    tell(False, accepted=pb.Accepted(eta_ms=60_000, route_id=dispatch.route.route_id))
    say(command_state=pb.CommandState(command_id=command.command_id, state=pb.DELIVERY_STATE_ACCEPTED))
    try:
        way(dispatch, tell, began)
    except Left:
        tell(False, ended=pb.Ended(reason="CANCELLED"))
    say(command_state=pb.CommandState(command_id=command.command_id, state=pb.DELIVERY_STATE_DONE))
    print(f"over: {dispatch.trip_id}", flush=True)
    trip = None
    sample()


def way(dispatch, tell, began):
    tell(False, departed=pb.Departed())
    progress_m = drive(dispatch.route.approach, 0.0, False, tell)
    tell(False, arrived_pickup=pb.ArrivedPickup())
    tell(True, boarded=pb.Boarded())
    progress_m = drive(dispatch.route.trip, progress_m, True, tell)
    tell(True, arrived_dropoff=pb.ArrivedDropoff())
    tell(False, completed=pb.Completed(distance_m=progress_m, duration_ms=int((time.monotonic() - began) * 1e3)))


def heartbeats(every_s):
    counter = 0
    while True:
        counter += 1
        say(heartbeat=pb.Heartbeat(
            boot_id=boot, counter=counter, battery_pct=80, mode=pb.MODE_AUTONOMOUS, position=position(),
            parked=trip is None, vehicle_time_us=now_us(), odometer_m=odometer_m))
        time.sleep(every_s)


credentials = grpc.ssl_channel_credentials(*[(identity / name).read_bytes() for name in ("authorities.pem", "svid.key", "svid.pem")])
channel = grpc.secure_channel(address, credentials, [("grpc.ssl_target_name_override", "localhost")])
say(hello=pb.Hello(boot_id=boot, boot_counter=1, agent_version="vehicle.py", protocol_version=1, mode=pb.MODE_AUTONOMOUS,
                   parked=True, simulated=True, position=position(), vehicle_time_us=now_us()))
for message in rpc.LinkStub(channel).Session(iter(out.get, None)):
    kind = message.WhichOneof("message")
    if kind == "welcome":
        behind_us = message.welcome.server_time_us - now_us()
        say(online=pb.Online(capabilities=["passenger"], components=[pb.Component(name="agent", version="vehicle.py")]))
        threading.Thread(target=heartbeats, args=(message.welcome.heartbeat_interval_ms / 1e3,), daemon=True).start()
        sample()
        print("online", flush=True)
    elif kind == "command":
        command, body = message.command, message.command.WhichOneof("body")
        state = pb.DELIVERY_STATE_DONE
        code = "HELD"
        if body == "dispatch" and leads_in(command.dispatch.route):
            code, body = "ROAD_CLOSED", None
            report(command.dispatch, command.claim_epoch, False,
                   rejected=pb.Rejected(code=code, reason="the way leads through what is closed"))
        if body == "dispatch" and not stops and trip is None:
            latched = False
            threading.Thread(target=serve, args=(command,), daemon=True).start()
            continue
        if body == "cancel":
            trip = None if trip == command.cancel.trip_id else trip
        elif body == "site_rules":
            rules = command.site_rules  # DONE says that they are kept: a real vehicle writes them down first
            print(f"keeps out of {len(rules.rules)} areas", flush=True)
        elif body == "clearance":
            stops.discard(command.clearance.command_id)
        elif getattr(command, "class") == pb.COMMAND_CLASS_RESTRICTIVE:
            stops.add(command.command_id)
            latched, state = True, pb.DELIVERY_STATE_ACCEPTED
            print(f"stops: {body}", flush=True)
        elif body == "resume" and not stops:
            latched = False
        else:
            state = pb.DELIVERY_STATE_REJECTED
        refused = state == pb.DELIVERY_STATE_REJECTED
        say(command_state=pb.CommandState(command_id=command.command_id, state=state, code=code if refused else ""))
