"""The inbox: the mails that a sandbox took, in a browser, live.

    mails = Mails()                                  # mails.py: the newest, within bounds
    await Sandbox.start(on_content=mails.add)
    server = serve(mails, 8025)                      # serving.py: the loopback only
    # reading.py makes the content of a mail for the viewer of the gallery, list_page.py the list

Any program may have sent a mail: `reading.py` is the only module that parses one. This room must
never run or fetch anything that a mail names, and never changes or removes a mail.
"""
