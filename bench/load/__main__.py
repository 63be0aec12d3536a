"""`python -m bench.load`: put N calls through a bridge and print what came of them. JSON lines on stdout: "begin", "end", the figures."""

from __future__ import annotations

import argparse
import gc
import json
import resource
import sys
import time

from bench.load.clockwork import MS, Clockwork, S, now_ns
from bench.load.conversation import Conversation, Tallies
from bench.load.model import ModelSide
from bench.load.phones import Phone
from bench.load.sounds import CALLER_HZ, FRAME_MS, caller_noise
from bench.load.wire import BadPeer

SETTLE_S = 2.0  # from the last call's first audio to the window
GRACE_S = 1.0  # for what is still on its way when the window ends
_NOISE_PEAK = 2_000
_MANY_CALLS = 100
_NAP_NS = MS // 10


class Load:
    """Ramp, settle, window, grace, figures."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._clockwork = Clockwork(_NAP_NS if options.calls > _MANY_CALLS else 0)
        self._tallies = Tallies()
        noise = caller_noise(_NOISE_PEAK)
        self._calls = [Conversation(number, self._tallies, noise) for number in range(options.calls)]
        self._model = ModelSide(self._clockwork, options.model_port, self._calls, options.seed)
        port = options.phone_port
        self._phones = [Phone(self._clockwork, port, options.path, call) for call in self._calls]
        self._give_up_ns = now_ns() + int((options.calls / options.ramp + 30) * S)
        self._cpu_s = 0.0

    def run(self) -> dict[str, object]:
        began_ns = now_ns()
        for number, phone in enumerate(self._phones):
            self._clockwork.at(began_ns + int(number / self._options.ramp * S), phone.dial)
        self._clockwork.beat(FRAME_MS * MS, began_ns, [phone.beat for phone in self._phones])
        self._clockwork.at(began_ns, self._wait_for_all)
        self._clockwork.run()
        return self._figures()

    def _wait_for_all(self) -> None:
        now = now_ns()
        if self._model.found == self._options.calls:
            self._tallies.begin_ns = now + int(SETTLE_S * S)
            self._tallies.end_ns = self._tallies.begin_ns + int(self._options.seconds * S)
            self._clockwork.at(self._tallies.begin_ns, self._begin)
            self._clockwork.at(self._tallies.end_ns, self._end)
        elif now > self._give_up_ns:
            raise BadPeer(f"only {self._model.found} of {self._options.calls} calls came up")
        else:
            self._clockwork.at(now + 20 * MS, self._wait_for_all)

    def _begin(self) -> None:
        self._cpu_s = time.process_time()
        _say({"state": "begin"})

    def _end(self) -> None:
        self._cpu_s = time.process_time() - self._cpu_s
        _say({"state": "end"})
        self._clockwork.at(now_ns() + int(GRACE_S * S), self._hang_up)

    def _hang_up(self) -> None:
        for call in self._calls:
            call.account(now_ns())
        self._dropped = sum(phone.dropped for phone in self._phones) + self._model.drops
        self._model.stop()
        for phone in self._phones:
            phone.hang_up()
        self._clockwork.at(now_ns() + 200 * MS, self._clockwork.stop)

    def _figures(self) -> dict[str, object]:
        tallies = self._tallies
        return {
            "calls": self._options.calls,
            "generator_share": round(self._cpu_s / self._options.seconds, 3),
            "generator_peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "lateness_ms": tallies.lateness_ms.summary(),
            "up_ms": tallies.up_ms.summary(),
            "first_audio_ms": tallies.first_audio_ms.summary(),
            "stop_ms": tallies.stop_ms.summary(),
            "jitter_ms": tallies.late_ms.summary(),
            "frames": tallies.sent,
            "lost": max(tallies.lost, tallies.sent - tallies.received),
            "repeated": tallies.repeated,
            "damaged": tallies.damaged,
            "stale_ms": round(tallies.stale_samples * 1000 / CALLER_HZ, 1),
            "interrupted": tallies.interrupted,
            "whole_utterances": tallies.whole_utterances,
            "cut_short": tallies.cut_short,
            "dropped": self._dropped,
        }


def _say(value: dict[str, object]) -> None:
    print(json.dumps(value), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.load", description="Phones and a model for a bridge under load."
    )
    parser.add_argument("--calls", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the measured window")
    parser.add_argument("--ramp", type=float, default=80.0, help="new calls per second")
    parser.add_argument("--phone-port", type=int, required=True, help="where the bridge listens")
    parser.add_argument("--model-port", type=int, required=True, help="where the bridge finds the model")
    parser.add_argument("--path", default="/audio")
    parser.add_argument("--seed", type=int, default=1)
    load = Load(parser.parse_args())
    gc.disable()  # the generator must be on time
    try:
        _say(load.run())
    except (BadPeer, OSError) as problem:
        _say({"error": str(problem)})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
