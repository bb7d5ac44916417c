"""Plans, graphs and outcomes as text for a terminal."""

from pipeline.show.board import Board, Part, Row, Standing, Totals, fitting, flat, key_of, parts
from pipeline.show.diffs import FileChange, differences, matches_text
from pipeline.show.explanations import explanations_json, explanations_text
from pipeline.show.failures import failures_text
from pipeline.show.graphs import graph_dot, graph_json, graph_mermaid, graph_text, others, tree_lines
from pipeline.show.locks import move_line
from pipeline.show.outcomes import outcome_line, retry_line, summary, unprobed_text
from pipeline.show.overlays import Checked, checked_json, checked_text, starter
from pipeline.show.plans import expected_text, plan_json, plan_text, stand_ins_text, tally, unlocked_text
from pipeline.show.prunes import age, prune_summary, prune_text
from pipeline.show.runs import Growth, Past, growth_text, happening, run_json, run_plan, run_text, runs_text
from pipeline.show.sharing import Apart, shared, sharing_text
from pipeline.show.verdicts import failed_verdict_text, junit, verdicts_text
from pipeline.show.words import Paint, clock, counted, duration, plain, roughly, size, visible

__all__ = [
    "Apart",
    "Board",
    "Checked",
    "FileChange",
    "Growth",
    "Paint",
    "Part",
    "Past",
    "Row",
    "Standing",
    "Totals",
    "age",
    "checked_json",
    "checked_text",
    "clock",
    "counted",
    "differences",
    "duration",
    "expected_text",
    "explanations_json",
    "explanations_text",
    "failed_verdict_text",
    "failures_text",
    "fitting",
    "flat",
    "graph_dot",
    "graph_json",
    "graph_mermaid",
    "graph_text",
    "growth_text",
    "happening",
    "junit",
    "key_of",
    "matches_text",
    "move_line",
    "others",
    "outcome_line",
    "parts",
    "plain",
    "plan_json",
    "plan_text",
    "prune_summary",
    "prune_text",
    "retry_line",
    "roughly",
    "run_json",
    "run_plan",
    "run_text",
    "runs_text",
    "shared",
    "sharing_text",
    "size",
    "stand_ins_text",
    "starter",
    "summary",
    "tally",
    "tree_lines",
    "unlocked_text",
    "unprobed_text",
    "verdicts_text",
    "visible",
]
