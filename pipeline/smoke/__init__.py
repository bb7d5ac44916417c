"""Run probes in built images and give verdicts; what was not seen is never called passed."""

from pipeline.smoke.built_in import PLACE, SIGHT, command_of, scripts_of
from pipeline.smoke.choosing import declared, probes, turned_off
from pipeline.smoke.judging import judge
from pipeline.smoke.probe import Payload, Probe, order_of

__all__ = [
    "PLACE",
    "SIGHT",
    "Payload",
    "Probe",
    "command_of",
    "declared",
    "judge",
    "order_of",
    "probes",
    "scripts_of",
    "turned_off",
]
