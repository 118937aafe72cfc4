"""A server model says, in both orders, which of the finalists' texts is the better; kept beside people's ratings.

Models that judge favour a place: asked in both orders, a pair counts for a text only where both replies name it
(Zheng et al. 2023, "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena", section 3.4).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.catalog.servers import ServerName, host_of, is_loopback, is_server, parse_server
from bakeoff.catalog.terms import ServerTerms, SpendingLimits
from bakeoff.errors import OptionError
from bakeoff.study.evidence import read_task
from bakeoff.study.sending import Sending
from bakeoff.study.terms import JOURNAL
from bakeoff.workbench.judging import MOST_TOKENS, REPLY_FORMAT, Reply, judging_messages, read_reply, settled
from bakeoff.workbench.opened import opened_study, refuse_undecided
from bakeoff.workbench.options import Watcher
from bakeoff.workbench.rate import Rateable, Rating, Tally, board_of, keep_ratings, tally_of
from bakeoff.workbench.sending import check_sending

if TYPE_CHECKING:
    from bakeoff.models.server import ServerModel

__all__ = ["JudgeOptions", "Judged", "judge", "order_decided"]

#: Characters to a token of what is sent, and tokens of a reply, for the forecast.
_CHARACTERS_A_TOKEN, _REPLY_TOKENS = 4.0, 8.0


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """How a model judges.

    Parameters
    ----------
    server : str
        The judge: ``http://host:port/v1#model-name``.
    rows : int or None
        Most pairs to judge now; all that are open where not given.
    allow_send : frozenset of str
        Hosts other than this machine that test rows and answers may be sent to.
    terms : ServerTerms
        Prices and limits of its calls; a limit holds for all calls of the study.
    """

    server: str
    rows: int | None = None
    allow_send: frozenset[str] = frozenset()
    terms: ServerTerms = field(default_factory=ServerTerms)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a model's judgements came to.

    Parameters
    ----------
    judge : str
        Its address with its name, as ratings name it.
    tally : Tally
        Of all that it judged, now and before.
    judged_now, open : int
        Pairs judged by this call, and those that it has not judged.
    order_decided : int
        Ties of which the judge named the same place in both orders.
    unreadable : int
        Pairs of this call of which a reply says nothing; they stay open.
    failed : str or None
        Why calls failed, or were not made, such as a limit; the first reason.
    asked, from_disk : int
        Calls of this run, and replies that were kept from before.
    money : float
    currency : str
    """

    judge: str
    tally: Tally
    judged_now: int
    open: int
    order_decided: int
    unreadable: int
    failed: str | None
    asked: int
    from_disk: int
    money: float
    currency: str


def judge(study: Path, options: JudgeOptions, *, watcher: Watcher | None = None) -> Judged:
    """Have a server model judge the test rows that the finalists of both arms answer differently.

    Each pair is asked in both orders. Neither the references nor who wrote what is sent. A judgement is kept as soon as
    both replies are there; pairs that the same judge has judged are not asked for again.

    Parameters
    ----------
    study : Path
    options : JudgeOptions
    watcher : Watcher, optional
        Told what will be sent before it is.

    Returns
    -------
    Judged

    Raises
    ------
    OptionError
        If the judge is no server, the task writes no texts, or the rows may not be sent.
    StudyError
        If the study runs, has no verdict yet, or no finalist of both arms.
    ModelError
        If no call can succeed.
    """
    from bakeoff.models.server import ServerModel

    watcher = watcher or Watcher()
    if not is_server(options.server):
        raise OptionError(
            f"A judge is a server's model; {options.server} is none.", next_step="Give it as http://host:port/v1#model"
        )
    refuse_undecided(study)
    instruction = _instruction(study)
    terms = replace(options.terms, journal=str(study / JOURNAL))
    name = parse_server(options.server)
    # Before the server is asked for anything, the name of its model included.
    todo = board_of(study, options.server if name.model else "").open[: options.rows]
    check_sending((_sending(name, instruction, todo, terms),), options.allow_send, _unless_unnamed(name, terms))
    server = ServerModel(name.url, name.model, allow_send=options.allow_send, terms=terms)
    try:
        return _judged(study, options, server, instruction, watcher)
    finally:
        server.close()


def _judged(study: Path, options: JudgeOptions, server: ServerModel, instruction: str, watcher: Watcher) -> Judged:
    """Tell what will be sent, ask for the open pairs, and count all that this judge has judged."""
    rater, terms = f"{server.url}#{server.model}", server.terms
    todo = board_of(study, rater).open[: options.rows]
    if todo:
        found = _sending(ServerName(server.url, server.model), instruction, todo, terms)
        check_sending((found,), options.allow_send, terms.limits)
        watcher.sending((found,))
    work = _Judging(server, instruction, rater)
    for rating in work.ratings(todo):
        keep_ratings(study, [rating])
        watcher.step(f"judged {work.judged} of {len(todo)} pairs")
    board = board_of(study, rater)
    return Judged(
        judge=rater,
        tally=tally_of(board),
        judged_now=work.judged,
        open=len(board.open),
        order_decided=sum(map(order_decided, board.ratings)),
        unreadable=work.unreadable,
        failed=work.failed,
        asked=work.asked,
        from_disk=work.from_disk,
        money=work.money,
        currency=terms.prices.currency,
    )


def order_decided(rating: Rating) -> bool:
    """Say whether a judge named the same place in both orders, so that it is not the text that it judged by."""
    replies = [read_reply(reply) for reply in rating.replies]
    return len(replies) == 2 and replies[0] == replies[1] != "tie"


def _instruction(study: Path) -> str:
    with opened_study(study) as store:
        task = read_task(store)
    if task.kind != "generation":
        raise OptionError(
            f"A model judges texts that are written; the kind of this study's task is {task.kind}.",
            next_step="Labels are settled by a person: bakeoff adjudicate STUDY",
        )
    return task.instruction


def _unless_unnamed(name: ServerName, terms: ServerTerms) -> SpendingLimits:
    """Give the limits; none on money before a model's name, and so its price, is known."""
    return terms.limits if name.model else replace(terms.limits, money=None)


def _sending(name: ServerName, instruction: str, rows: Sequence[Rateable], terms: ServerTerms) -> Sending:
    price = terms.prices.price_of(name.url, name.model)
    characters = sum(len(judging_messages(instruction, row.text, *row.answers)[0]["content"]) for row in rows)
    read, written = 2 * characters / _CHARACTERS_A_TOKEN, 2 * len(rows) * _REPLY_TOKENS
    return Sending(
        host=host_of(name.url),
        model=name.model or "",
        here=is_loopback(host_of(name.url)),
        rows=len(rows),
        calls=2 * len(rows),
        tokens_in=read,
        tokens_out=written,
        money=None if price is None else price.of(read, written),
        currency=terms.prices.currency,
        prices=terms.prices.file,
    )


class _Judging:
    """Asks for judgements, several pairs at a time, and counts what that took."""

    def __init__(self, server: ServerModel, instruction: str, rater: str) -> None:
        self._server, self._instruction, self._rater = server, instruction, rater
        self._held = True
        self.judged = self.unreadable = self.asked = self.from_disk = 0
        self.money = 0.0
        self.failed: str | None = None

    def ratings(self, rows: Sequence[Rateable]) -> Iterator[Rating]:
        """Give each judgement as soon as it is there."""
        from bakeoff.models.server import ServerFault

        with ThreadPoolExecutor(max_workers=self._server.terms.most_at_a_time) as pool:
            futures = {pool.submit(self._replies, row): row for row in rows}
            try:
                for future in as_completed(futures):
                    try:
                        replies = future.result()
                    except ServerFault as fault:
                        self.failed = self.failed or str(fault.detail if fault.reason == "limit" else fault)
                        continue
                    read = [reply for reply in map(read_reply, replies) if reply is not None]
                    if len(read) < len(replies):
                        self.unreadable += 1
                        continue
                    self.judged += 1
                    yield self._rating(futures[future], read, replies)
            except BaseException:
                # Nobody waits any more for pairs that are not asked yet: they would be asked, and paid for.
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _rating(self, row: Rateable, read: Sequence[Reply], replies: tuple[str, ...]) -> Rating:
        at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return Rating(row.row, row.left, row.right, settled(read), at, self._rater, replies)

    def _replies(self, row: Rateable) -> tuple[str, ...]:
        """Ask for one pair, the left text first and then the right one."""
        return tuple(
            self._read(judging_messages(self._instruction, row.text, *answers))
            for answers in (row.answers, row.answers[::-1])
        )

    def _read(self, messages: Sequence[dict[str, str]]) -> str:
        """Ask, and once more where the reply says nothing: the one that is kept would say nothing for ever."""
        reply = self._reply(messages)
        return reply if read_reply(reply) is not None else self._reply(messages, anew=True)

    def _reply(self, messages: Sequence[dict[str, str]], *, anew: bool = False) -> str:
        from bakeoff.models.server import ServerFault

        while True:
            held = self._held
            try:
                found = self._server.complete(
                    messages,
                    max_tokens=MOST_TOKENS,
                    temperature=0.0,
                    settings={"response_format": REPLY_FORMAT} if held else None,
                    anew=anew,
                )
            except ServerFault as fault:
                # A server that knows no JSON Schema is asked without: the message says the form, too.
                if not held or fault.reason != "refused-request":
                    raise
                self._held = False
                continue
            self.asked += not found.from_disk
            self.from_disk += found.from_disk
            self.money += 0.0 if found.from_disk else found.money or 0.0
            return found.text
