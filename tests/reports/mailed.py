"""A mailing that is held in memory, as a join asks for it."""

from mailbatch.reports.joining import MailedDelivery


class Mailing:
    """Deliveries by all the names that they have; `bulk_id` is that of the whole mailing."""

    def __init__(self, bulk_id=""):
        self.bulk_id = bulk_id
        self.deliveries = []
        self._names = {}

    def add(self, *recipients, token="", message_id="", ours="", has_copies=False):
        delivery = MailedDelivery(len(self.deliveries) + 1, frozenset(recipients), has_copies)
        self.deliveries.append(delivery)
        for kind, name in (("token", token), ("id", message_id), ("ours", ours)):
            if name:
                self._names[kind, name] = delivery
        return delivery

    def by_token(self, token):
        return self._names.get(("token", token))

    def by_message_id(self, message_id):
        return self._names.get(("id", message_id))

    def by_header_message_id(self, message_id):
        return self._names.get(("ours", message_id))

    def by_bulk_id(self, bulk_id, key):
        if bulk_id != self.bulk_id:
            return []
        return [one for one in self.deliveries if key in one.recipients]
