"""The links of a mailing: every link and image of its telling messages asked for, as findings.

    targets, untried = gather(contents, find, written)
    reached = reach(targets, Web())
    [finding.code for finding in judge(reached)]      # ["MB520", "MB523"]

`targets` takes the addresses out of messages and leaves out those that would do something, such as
links to unsubscribe. `web` is the HTTP, of the standard library: one request, with limits.
`reaching` asks for several targets at one time and judges the answers.

This room must never ask for a link to unsubscribe with GET, post to one unless a person named the
recipient, or reach into a private network.
"""
