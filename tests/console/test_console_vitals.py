import asyncio

from console_fake import NOW, FakeBackend, busy_fleet

from socketscope.console.vitals import Vitals


def test_a_notification_is_told_the_numbers_that_the_console_shows():
    backend = busy_fleet()
    backend.reports("websocket.server.errors", 3)
    assert asyncio.run(Vitals(backend).read(NOW)) == {
        "current_connections": 7,
        "cpu_usage": 75.0,
        "memory_usage": 50.0,
        "errors": 3,
        "uptime": 240.0,
    }


def test_without_a_count_of_errors_there_were_none_where_processes_report():
    assert asyncio.run(Vitals(busy_fleet()).read(NOW))["errors"] == 0


def test_what_nobody_reports_is_not_available():
    assert set(asyncio.run(Vitals(FakeBackend()).read(NOW)).values()) == {None}
