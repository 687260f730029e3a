"""A report in all its forms at once: as it is kept, and as it is sent."""

from __future__ import annotations

from socketscope.notify.document import Document
from socketscope.reports.form import html, json, mail, markdown, text
from socketscope.reports.form.compose import Edition, compose
from socketscope.reports.form.words import Words
from socketscope.reports.model import Report
from socketscope.state.reports import Form


class Forms:
    """One edition of a report; each form is made when it is asked for, and blocks for as long as that takes."""

    def __init__(self, report: Report, edition: Edition) -> None:
        self.report = report
        self._words = Words(edition.language, report.period.zone)
        self._view = compose(report, edition)

    def form(self, form: Form) -> str:
        """Return one form, as it is written to a file."""
        if form == "html":
            return html.html(self._view, self._words)
        return json.json(self.report) if form == "json" else markdown.markdown(self._view, self._words)

    def kept(self) -> dict[Form, str]:
        """Return all forms that are kept."""
        return {form: self.form(form) for form in ("html", "json", "md")}

    def document(self) -> Document:
        """Return the report as it is sent."""
        page, images = mail.mail(self._view, self._words)
        return Document(
            title=self._view.subject,
            brief=text.brief(self._view),
            text=text.text(self._view, self._words),
            markdown=markdown.markdown(self._view, self._words),
            page=page,
            images=images,
            data=json.as_dict(self.report),
        )
