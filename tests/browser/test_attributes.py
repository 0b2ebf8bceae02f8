"""The values of attributes in Chromium, which those of `mailbatch.render.attributes` are to be."""

from tests.render.test_attributes import VALUES


def test_a_browser_reads_the_values_of_the_table(chromium):
    page = chromium.new_page()
    page.set_content("".join(f"<a href='{written}'>x</a>" for written in VALUES))
    read = page.evaluate(
        "[...document.querySelectorAll('a')].map(link => link.getAttribute('href'))"
    )
    page.close()
    assert read == list(VALUES.values())
