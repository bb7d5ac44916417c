"""Run probes in built images and give verdicts; what was not seen is never called passed."""

from pipeline.smoke.built_in import PLACE, SIGHT, command_of, scripts_of
from pipeline.smoke.choosing import declared, probes, turned_off
from pipeline.smoke.judging import judge
from pipeline.smoke.probe import Payload, Probe, order_of
from pipeline.smoke.remembered import Stored, joined, reused, silent, stands

__all__ = [
    "PLACE",
    "SIGHT",
    "Payload",
    "Probe",
    "Stored",
    "command_of",
    "declared",
    "joined",
    "judge",
    "order_of",
    "probes",
    "reused",
    "scripts_of",
    "silent",
    "stands",
    "turned_off",
]
