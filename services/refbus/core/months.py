"""Names of months as people write them in our languages, in small letters: those of Unicode CLDR, long and short."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_NAMES: Final = (
    "jan january yan yanvar ýan ýanwar янв январ январь января қаң қаңтар",
    "feb february fev fevral few fewral ақп ақпан фев февр феврал февраль февраля",
    "mar march mart мар март марта нау наурыз",
    "apr aprel april апр апрел апрель апреля сәу сәуір",
    "may maý май мам мамыр мая",
    "iyn iyun iýun jun june июн июнь июня мау маусым",
    "iyl iyul iýul jul july июл июль июля шіл шілде",
    "aug august avg avgust awg awgust авг август августа там тамыз",
    "sen sentabr sentýabr sep september сен сент сентябр сентябрь сентября қыр қыркүйек",
    "oct october okt oktabr oktýabr окт октябр октябрь октября қаз қазан",
    "nov november noy noyabr noý noýabr ноя нояб ноябр ноябрь ноября қар қараша",
    "dec december dek dekabr дек декабр декабрь декабря жел желтоқсан",
)
MONTHS: Final[Mapping[str, int]] = {
    name: number for number, names in enumerate(_NAMES, start=1) for name in names.split()
}
"""The number of a month by its name."""
