"""Fills a new database: two queues, and an article in the knowledge base."""

import django

django.setup()

from helpdesk.models import KBCategory, KBItem, Queue  # noqa: E402

Queue.objects.create(title="Printers", slug="printers", allow_public_submission=True)
Queue.objects.create(title="Internal", slug="internal", allow_public_submission=False)
category = KBCategory.objects.create(
    name="Printing", title="Printing", slug="printing", description="Paper, toner, drivers."
)
KBItem.objects.create(
    category=category,
    title="Paper jam",
    question="How is a paper jam cleared?",
    answer="Open the rear flap.",
)
