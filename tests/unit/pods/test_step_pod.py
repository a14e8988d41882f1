"""What tells the pods of a step apart."""

from __future__ import annotations

from airflow_mlkit.pods.step_pod import PodIdentity, make_pod_name


def test_two_who_start_the_same_pod_name_it_alike() -> None:
    pod = PodIdentity("s3://ml/runs/1", "run 1")
    same = PodIdentity("s3://ml/runs/1", "run 1")
    assert make_pod_name("cards", "train", pod) == make_pod_name("cards", "train", same)
    others = [
        PodIdentity("s3://ml/runs/1", "run 1", number=1),
        PodIdentity("s3://ml/runs/1", "run 1", attempt=2),
        PodIdentity("s3://ml/runs/1", "run 1", generation=2),
        PodIdentity("s3://elsewhere/runs/1", "run 1"),
    ]
    assert len({make_pod_name("cards", "train", each) for each in [pod, *others]}) == 5
    assert len(make_pod_name("c" * 80, "evaluate", pod)) <= 63
