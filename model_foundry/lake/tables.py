"""Which tables of PostgreSQL the lake keeps."""

from typing import Final

from model_foundry.postgres import flat

LAKE_TABLES: Final = (
    "event_inbox",
    "event_quarantine",
    *flat.FLAT_TABLES,
    "inference_result",
    "article_translation",
    "article_segment",
)
