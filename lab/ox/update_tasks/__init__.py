"""Update tasks: what there is, and running what is pending."""
