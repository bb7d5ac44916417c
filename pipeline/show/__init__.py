"""Plans, graphs and outcomes as text for a terminal."""

from pipeline.show.diffs import differences, matches_text
from pipeline.show.graphs import graph_dot, graph_json, graph_mermaid, graph_text, others, tree_lines
from pipeline.show.locks import move_line
from pipeline.show.outcomes import failure_text, outcome_line, summary
from pipeline.show.plans import expected_text, plan_json, plan_text, stand_ins_text, tally, unlocked_text
from pipeline.show.words import Paint, counted, duration, plain, roughly, size

__all__ = [
    "Paint",
    "counted",
    "differences",
    "duration",
    "expected_text",
    "failure_text",
    "graph_dot",
    "graph_json",
    "graph_mermaid",
    "graph_text",
    "matches_text",
    "move_line",
    "others",
    "outcome_line",
    "plain",
    "plan_json",
    "plan_text",
    "roughly",
    "size",
    "stand_ins_text",
    "summary",
    "tally",
    "tree_lines",
    "unlocked_text",
]
