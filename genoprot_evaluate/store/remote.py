"""Embeddings of Hub repositories: only the files of one configuration, and of those only what is read."""

from __future__ import annotations

from pathlib import Path

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.snapshots import HubId, fetch_snapshot
from genoprot_evaluate.store.runs import RUN_NAME, run_configs

__all__ = ["MOST_BYTES", "fetch_embeddings"]

MOST_BYTES = 32_000_000_000
"""Bytes of one configuration that are taken from the Hub at most."""

_MOST_BYTES_OF_RECORDS = 50_000_000


def fetch_embeddings(wanted: HubId, config: str | None = None) -> tuple[Path, str | None]:
    """Fetch one configuration of a repository written by `genoprot push embeddings`.

    Parameters
    ----------
    wanted : HubId
    config : str, optional
        Configuration when `wanted` names none; the only one of the repository when left out.

    Returns
    -------
    tuple of Path and (str or None)
        Folder of the snapshot, and the configuration; None where the repository holds no records
        of runs.

    Raises
    ------
    GenoProtError
        If the repository, the revision or the configuration is not there, several configurations are there
        and none is named, or the files are too large.
    """
    what = f"embeddings {wanted.repository!r}"
    config = wanted.config or config
    options = {"revision": wanted.revision}
    if config is None:
        folder = fetch_snapshot(
            wanted.repository, [f"*/{RUN_NAME}"], what, most_bytes=_MOST_BYTES_OF_RECORDS, **options
        )
        configs = run_configs(folder)
        if len(configs) > 1:
            raise GenoProtError(
                f"{what}: holds several configurations, name one, such as "
                f"{wanted.repository}:{configs[0]}; there are {', '.join(configs)}"
            )
        if not configs:
            patterns = ["*.parquet", "*.safetensors"]
            return fetch_snapshot(wanted.repository, patterns, what, most_bytes=MOST_BYTES, **options), None
        config = configs[0]
    patterns = [f"{config}/{name}" for name in ("*.parquet", "*.safetensors", RUN_NAME)]
    folder = fetch_snapshot(wanted.repository, patterns, what, most_bytes=MOST_BYTES, **options)
    if not (folder / config).is_dir():
        raise GenoProtError(f"{what}: has no configuration {config!r}")
    return folder, config
