"""What a completed execution answers, and the two ways in which it can be wrong."""

from dataclasses import dataclass, replace

from loadtests.target.agents.question import Question
from loadtests.target.savings import Savings, savings_of
from loadtests.target.users import LAST_USER

__all__ = ["AGENT", "Result", "result_of"]

AGENT = "TriageSubAgent"


@dataclass(frozen=True, slots=True)
class Result:
    """The savings as they are answered, and the user they are said to be of, written as the question wrote it."""

    run_id: str
    written: object
    thread_id: str | None
    savings: Savings

    def document(self) -> dict[str, object]:
        """The result as JSON."""
        return {
            "status": "completed",
            "user_id": self.written,
            "thread_id": self.thread_id,
            "tier": self.savings.tier,
            "agent": AGENT,
            "optimization": self.savings.optimization,
            "savings": self.savings.cents / 100,
            "currency": "USD",
            "run_id": self.run_id,
        }

    def sentence(self) -> str:
        """The result in words; the provider's report begins with it."""
        whom = "" if self.written is None else f" for {self.written}"
        return f"Savings{whom}: {self.savings.cents / 100:.2f} USD a month by {self.savings.optimization}."


def result_of(question: Question, run_id: str, fate: str | None) -> Result:
    """The right answer; with the fate `wrong` a wrong sum, with `mixup` what the next user should have got."""
    if fate == "mixup":
        question = _of_the_next(question)
    savings = savings_of(question.user, question.query)
    if fate == "wrong":
        savings = replace(savings, cents=savings.cents + savings.cents // 10 + 1)
    return Result(run_id, question.written, question.thread_id, savings)


def _of_the_next(question: Question) -> Question:
    user = question.user % LAST_USER + 1
    if isinstance(question.written, str):
        return replace(question, user=user, written=f"user_{user}" if question.written.startswith("u") else str(user))
    return replace(question, user=user, written=None if question.written is None else user)
