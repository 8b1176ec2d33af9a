"""Two topics lead to one series: it stays the first one's over kill -9, restart and reload, whoever
speaks first then, until the configuration or a person gives it to the other."""
from bad_input import publish
from stack import Failed, wait_for

SERIES = 'press/temp'


def ways(stack):
    stack.start_broker()
    configure(stack, ['plant/#'])
    start(stack)
    speaks(stack, 'old', True)
    for how in ('kill', 'stop'):
        getattr(stack, how)('edge')
        start(stack)
        speaks(stack, 'new', False)
        speaks(stack, 'old', True)
    for topics in (['plant/+/#'], ['plant/#', 'more/#']):  # the source is made anew
        configure(stack, topics)
        stack.cli('edge', 'reload')
        speaks(stack, 'new', False)

    _, told, _ = stack.cli('series', 'release', 'press-07/' + SERIES)
    if "was of $.temp of topic 'plant/press/old'" not in told or \
            "is of $.temp of topic 'plant/press/new'" not in told:
        raise Failed(f'released, it says: {told}')
    speaks(stack, 'old', False)
    stack.kill('edge')
    start(stack)
    speaks(stack, 'old', False)
    speaks(stack, 'new', True)

    configure(stack, ['plant/press/old'])
    stack.cli('edge', 'reload')
    speaks(stack, 'old', True)
    damaged(stack)


def damaged(stack):
    stack.stop('edge')
    with open(stack.path('data/edge/series.ways'), 'w', encoding='ascii') as out:
        out.write('no ways\n')
    start(stack)
    speaks(stack, 'old', True)
    _, told, _ = stack.cli('doctor', check=False)
    if 'series.ways is damaged' not in told:
        raise Failed(f'doctor does not name the damaged file: {told}')


def configure(stack, topics):
    stack.write('edge.toml',
                f'edge = "press-07"\ndata_dir = "{stack.path("data/edge")}"\n'
                f'run_dir = "{stack.path("run")}"\n[ring]\nsize = "16 MiB"\n'
                + stack.mqtt_source(topics=topics))


def start(stack):
    stack.start_edge()
    wait_for('the broker to know the agent',
             lambda: stack.edge_status()['sources'][0]['state'] == 'ok')


def speaks(stack, level, taken):
    """One reading by that topic: is it taken, or refused with the way out?"""
    def counts():
        source = stack.edge_status()['sources'][0]
        return source['taken'], source.get('rejected', {}).get('two ways to one series', 0)
    wait_for('the source', lambda: stack.edge_status()['sources'][0]['state'] == 'ok')
    before = counts()
    publish(stack, f'plant/press/{level}', b'{"temp": 21.5}')
    # What is refused is taken into the books too, and has its own count.
    wait_for('the reading', lambda: counts()[0] == before[0] + 1)
    refused = counts()[1] - before[1]
    if refused != (0 if taken else 1):
        raise Failed(f'{level}: {refused} refused, taken should be {taken}')
    if taken:
        return
    reason = stack.json('edge', 'quarantine', '--limit', '1')['items'][0]['reason']
    if f"$.temp of topic 'plant/press/{level}'" not in reason or \
            not reason.endswith('tidemark series release ' + SERIES):
        raise Failed(f'the refusal says: {reason}')
