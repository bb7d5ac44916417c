"""Plans, graphs and outcomes as text for a terminal."""

from pipeline.show.diffs import differences, matches_text
from pipeline.show.graphs import graph_dot, graph_json, graph_mermaid, graph_text, others, tree_lines
from pipeline.show.outcomes import failure_text, outcome_line, retry_line, summary
from pipeline.show.plans import plan_json, plan_text, stand_ins_text, tally
from pipeline.show.words import Paint, counted, duration, plain, size

__all__ = [
    "Paint",
    "counted",
    "differences",
    "duration",
    "failure_text",
    "graph_dot",
    "graph_json",
    "graph_mermaid",
    "graph_text",
    "matches_text",
    "others",
    "outcome_line",
    "plain",
    "plan_json",
    "plan_text",
    "retry_line",
    "size",
    "stand_ins_text",
    "summary",
    "tally",
    "tree_lines",
]
