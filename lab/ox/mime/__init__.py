"""Taking mails apart — headers, parts, text — and putting them together."""
