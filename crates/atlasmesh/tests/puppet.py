"""A vehicle on strings: it says what the test tells it to, line by line on standard input, and prints what it is told.

    accept | depart | pickup | board | stand | mode MODE | sample SPEED_MPS NORTH_M BATTERY_PCT MODE PROGRESS_M

It has no rules of its own, so that a test can see what the server does with a vehicle that keeps none.
"""
import queue, sys, threading, time, uuid
from pathlib import Path

import grpc

sys.path.insert(0, sys.argv[1])
pb, rpc = grpc.protos_and_services("atlasmesh/link/v1/link.proto")
identity, address = Path(sys.argv[2]), sys.argv[4]
lat, lon = (float(x) for x in sys.argv[3].split(","))
digits = "0123456789abcdefghjkmnpqrstvwxyz"
number = (int(time.time() * 1e3) << 80) | (uuid.uuid4().int & ((1 << 76) - 1)) | (7 << 76)
number = number & ~(3 << 62) | (2 << 62)
boot = "boot_" + "".join(digits[(number >> (5 * n)) & 31] for n in range(25, -1, -1))
out, dispatch, reports, samples, told = queue.Queue(), None, 0, 0, set()
state = {"mode": "AUTONOMOUS", "beats": 0}


def say(**message):
    out.put(pb.FromVehicle(**message))


def position():
    return pb.Position(lat=lat, lon=lon)


def report(occupied, **kind):
    global reports
    reports += 1
    say(trip_report=pb.TripReport(
        report_seq=reports, boot_id=boot, trip_id=dispatch.dispatch.trip_id, claim_epoch=dispatch.claim_epoch,
        vehicle_time_us=int(time.time() * 1e6), position=position(), odometer_m=1000.0, occupied=occupied,
        mode=pb.MODE_AUTONOMOUS, **kind))


def sample(speed_mps, north_m, battery_pct, mode, progress_m):
    global samples
    samples += 1
    say(telemetry=pb.TelemetryBatch(boot_id=boot, first_seq=samples, kept_from_seq=1, samples=[pb.Sample(
        seq=samples, vehicle_time_us=int(time.time() * 1e6), lat=lat + float(north_m) / 111_320, lon=lon,
        speed_mps=float(speed_mps), battery_pct=float(battery_pct), odometer_m=1000.0, mode=pb.Mode.Value(f"MODE_{mode}"),
        trip_id=dispatch.dispatch.trip_id, progress_m=float(progress_m), flags=9)]))


def mode(name):
    state["mode"] = name
    heartbeat()


ACTS = {
    "mode": mode,
    "accept": lambda: report(False, accepted=pb.Accepted(eta_ms=1000, route_id=dispatch.dispatch.route.route_id)),
    "depart": lambda: report(False, departed=pb.Departed()),
    "pickup": lambda: report(False, arrived_pickup=pb.ArrivedPickup()),
    "board": lambda: report(True, boarded=pb.Boarded()),
    "stand": lambda: report(True, safe_stopped=pb.SafeStopped(
        **{"class": pb.STOP_CLASS_NEAREST_ADMISSIBLE}, reason="COMMANDED", admissible=True)),
    "sample": sample,
}


def obey():
    for line in sys.stdin:
        act, *words = line.split()
        ACTS[act](*words)
    out.put(None)


def heartbeat():
    state["beats"] += 1
    say(heartbeat=pb.Heartbeat(boot_id=boot, counter=state["beats"], battery_pct=80, mode=pb.Mode.Value(f"MODE_{state['mode']}"),
                               position=position(), parked=dispatch is None, odometer_m=1000.0))


def heartbeats(every_s):
    while True:
        heartbeat()
        time.sleep(every_s)


credentials = grpc.ssl_channel_credentials(*[(identity / name).read_bytes() for name in ("authorities.pem", "svid.key", "svid.pem")])
channel = grpc.secure_channel(address, credentials, [("grpc.ssl_target_name_override", "localhost")])
say(hello=pb.Hello(boot_id=boot, boot_counter=1, agent_version="puppet", protocol_version=1, mode=pb.MODE_AUTONOMOUS,
                   parked=True, simulated=True, position=position()))
for message in rpc.LinkStub(channel).Session(iter(out.get, None)):
    kind = message.WhichOneof("message")
    if kind == "welcome":
        say(online=pb.Online(capabilities=["passenger"]))
        threading.Thread(target=heartbeats, args=(message.welcome.heartbeat_interval_ms / 1e3,), daemon=True).start()
        threading.Thread(target=obey, daemon=True).start()
    elif kind == "command":
        body = message.command.WhichOneof("body")
        if body == "dispatch":
            dispatch = message.command
        holds = body in ("stop", "slow", "ground")
        say(command_state=pb.CommandState(
            command_id=message.command.command_id, state=pb.DELIVERY_STATE_ACCEPTED if holds else pb.DELIVERY_STATE_DONE))
        slow = f" {message.command.slow.max_speed_mps:.2f}" if body == "slow" else ""
        # What takes motion away may come twice under one id, from memory and from its row: it is one command.
        if message.command.command_id not in told:
            told.add(message.command.command_id)
            print(f"told: {body}{slow}", flush=True)
