"""The words of a ping. They say nothing about anybody: whoever reads the mail learns that Refbus is used, no more."""

from __future__ import annotations

from dataclasses import dataclass

_WORDS = (
    "There is something new in your Refbus inbox. Please open Refbus.",
    "В вашем почтовом ящике Refbus есть новое сообщение. Откройте Refbus.",
    "Refbus жәшігіңізде жаңа хабарлама бар. Refbus ашыңыз.",
    "Refbus кутуңузда жаңы билдирүү бар. Refbus ачыңыз.",
    "Refbus qutingizda yangi xabar bor. Refbusni oching.",
    "Refbus gutyňyzda täze habar bar. Refbus açyň.",
    "Дар қуттии Refbus-и шумо паёми нав ҳаст. Refbus-ро кушоед.",
)


@dataclass(frozen=True, slots=True)
class Ping:
    """One ping. `message_id` (16 bytes) is the same when it is sent again; `urgent` for a person who did not arrive."""

    message_id: bytes
    urgent: bool

    @property
    def subject(self) -> str:
        """The subject of the mail."""
        return "Refbus: urgent" if self.urgent else "Refbus"

    @property
    def text(self) -> str:
        """The body, in every language of the offices."""
        return "\n\n".join(_WORDS) + "\n"
