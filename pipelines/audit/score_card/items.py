"""The 28 items of Breck et al. (2017), in our words, each with what keeps it and what shows it here."""

from __future__ import annotations

from pipelines.audit.score_card import evidence as see
from pipelines.audit.score_card.scoring import Item

UNIT, WORLD, NIGHT = "tests/unit/test_", "tests/integration/test_", "tests/functional/test_"

ITEMS: tuple[Item, ...] = (
    Item(
        "data",
        "What is expected of every feature stands in a schema",
        (
            f"{WORLD}gx.py::test_each_severity_comes_back_with_its_rows_in_declared_order",
            f"{WORLD}validate.py::test_a_column_that_is_not_what_it_was_blocks",
        ),
        see.schema,
    ),
    Item(
        "data",
        "Every feature helps",
        (f"{UNIT}model.py::test_the_feature_that_decides_is_the_most_important",),
        see.importance,
        "nobody is told which features could go: no model is fitted without each of them",
    ),
    Item(
        "data",
        "No feature costs more than it helps",
        lacks="what each feature costs in time and memory is not measured",
    ),
    Item(
        "data",
        "Features keep to rules that are set from above",
        (f"{WORLD}leaks_gate.py::test_a_source_that_tells_how_events_end_is_caught",),
        see.leaks,
        "leaks are caught; which columns may not be used for other reasons cannot be declared",
    ),
    Item(
        "data",
        "Who may see and change data is controlled",
        (
            f"{WORLD}roles.py::test_a_reader_sees_what_is_published_and_nothing_else",
            f"{WORLD}workers.py::test_a_child_gets_no_secret",
        ),
        see.roles,
        "the rows of one person cannot be found and deleted",
    ),
    Item(
        "data",
        "A new feature is quickly there",
        (
            f"{WORLD}changed_feature.py::test_the_champion_does_not_answer_and_tonights_candidate_is_judged",
            f"{UNIT}declare.py::test_the_longest_window_says_how_far_back_a_night_reads",
        ),
        see.history,
    ),
    Item(
        "data",
        "All code that makes features is tested",
        (
            f"{WORLD}features_reference.py::test_every_feature_equals_the_slow_reference",
            f"{WORLD}features_random.py::test_every_history_equals_the_slow_reference",
        ),
        see.features,
    ),
    Item(
        "model",
        "Every model spec is reviewed and committed",
        (
            f"{NIGHT}reproduce.py::test_a_version_whose_settings_are_lost_is_another_and_the_difference_is_named",
        ),
        see.committed,
        "whether a second person has read it is not looked up",
    ),
    Item(
        "model",
        "Metrics on test days go with those of service",
        (
            f"{WORLD}monitor.py::test_what_was_promised_is_what_the_version_was_promoted_with",
            f"{UNIT}claims.py::test_losses_are_those_of_an_independent_computation_on_the_same_events",
        ),
        see.online,
    ),
    Item(
        "model",
        "Hyperparameters are tuned",
        (
            f"{WORLD}tuning.py::test_a_search_finds_better_settings_than_a_bad_default_and_every_trial_is_a_run",
            f"{WORLD}tuning.py::test_it_is_searched_in_every_so_many_nights_and_counts_from_its_night_on",
        ),
        see.tuned,
    ),
    Item(
        "model",
        "What staleness costs is known",
        (f"{UNIT}claims.py::test_harm_is_told_of_the_line_before_and_of_the_reserves",),
        see.canary,
        "the loss by age of a model is known of the frozen canary alone",
    ),
    Item(
        "model",
        "A simpler model is not better",
        (
            f"{UNIT}scoreboard.py::test_the_simplest_that_the_best_does_not_beat_is_chosen",
            f"{WORLD}learning.py::test_on_a_linear_world_the_linear_model_is_chosen",
        ),
        see.simpler,
    ),
    Item(
        "model",
        "Quality is good on all important slices",
        (
            f"{UNIT}slices.py::test_what_is_surely_worse_than_the_baseline_on_a_slice_may_not_serve",
            f"{WORLD}monitor.py::test_quality_is_told_by_slice_with_an_interval",
        ),
        see.slices,
    ),
    Item(
        "model",
        "The model has been looked at for inclusion",
        lacks="nothing is compared between groups of people",
    ),
    Item(
        "infrastructure",
        "Training is reproducible",
        (f"{NIGHT}reproduce.py::test_a_version_is_made_again_byte_for_byte_and_nothing_else_is",),
        see.reproducible,
    ),
    Item(
        "infrastructure",
        "Model specs are unit tested",
        (
            f"{UNIT}model.py::test_scores_are_probabilities_that_rank",
            f"{UNIT}ready_specs.py::test_it_tells_more_than_the_mean",
        ),
        see.specs,
    ),
    Item(
        "infrastructure",
        "The whole pipeline is integration tested",
        (
            f"{NIGHT}night.py::test_every_flight_of_the_day_is_answered_exactly_once",
            f"{NIGHT}night.py::test_a_night_again_changes_nothing",
        ),
        see.whole_night,
    ),
    Item(
        "infrastructure",
        "Quality is validated before a model serves",
        (
            f"{WORLD}blessings.py::test_a_refused_version_does_not_serve_though_its_tags_are_typed",
            f"{WORLD}learning.py::test_each_floor_refuses_with_its_reason_where_a_person_sees_it",
        ),
        see.gate,
    ),
    Item(
        "infrastructure",
        "One example can be followed step by step",
        (
            f"{WORLD}lineage.py::test_an_event_is_told_with_what_all_said_and_what_its_features_gained",
        ),
        see.one_example,
    ),
    Item(
        "infrastructure",
        "Models answer beside the champion before they serve",
        (
            f"{WORLD}counting.py::test_every_candidate_answers_in_shadow_and_its_day_counts_once",
            f"{WORLD}score.py::test_a_share_of_the_keys_is_answered_by_the_challenger",
        ),
        see.shadow,
    ),
    Item(
        "infrastructure",
        "The model before comes back quickly and safely",
        (f"{WORLD}succession.py::test_rolling_back_gives_the_place_to_the_champion_before",),
        see.rollback,
    ),
    Item(
        "monitoring",
        "People are told when what Redeye depends on changes",
        (
            f"{UNIT}contract.py::test_a_renamed_column_is_critical_and_the_new_name_is_suggested",
            f"{WORLD}monitor.py::test_people_are_told_once_what_is_wrong_and_what_to_run",
        ),
        see.told,
    ),
    Item(
        "monitoring",
        "Invariants hold in the data of training and of service",
        (
            f"{WORLD}validate.py::test_nan_and_infinities_are_put_aside_and_never_accepted",
            f"{WORLD}monitor.py::test_features_that_moved_are_an_alert",
        ),
        see.validated,
    ),
    Item(
        "monitoring",
        "Training and service compute the same",
        (
            f"{WORLD}learning.py::test_a_model_that_answers_otherwise_than_in_training_is_refused",
            f"{WORLD}features.py::test_pieces_of_any_length_give_the_same_bytes",
        ),
        see.same_scores,
    ),
    Item(
        "monitoring",
        "Models are not too old",
        (f"{UNIT}claims.py::test_a_champion_that_no_night_refreshes_is_told",),
        see.age,
    ),
    Item(
        "monitoring",
        "Models are numerically stable",
        (
            f"{WORLD}score.py::test_a_champion_that_gives_no_probabilities_does_not_answer",
            f"{WORLD}processors.py::test_a_model_file_gives_the_same_scores_on_every_processor",
        ),
        see.numbers,
    ),
    Item(
        "monitoring",
        "Training and service have not become slower or larger",
        (
            f"{WORLD}score.py::test_how_long_each_took_and_whether_it_answered_are_daily_metrics",
            f"{WORLD}workers.py::test_who_takes_too_long_is_ended",
        ),
        see.speed,
        "limits end what takes too long; a slow decline before them is recorded and told to nobody",
    ),
    Item(
        "monitoring",
        "What is published has not become worse",
        (
            f"{WORLD}monitor.py::test_published_answers_are_measured_when_their_outcomes_are_known",
            f"{WORLD}monitor.py::test_lost_discrimination_is_an_alarm_with_its_size",
        ),
        see.quality,
    ),
)
