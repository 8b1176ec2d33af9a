// One line of configuration gives named series with units: profiles of MQTT devices, from the
// configuration's text to readings.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "edge/daemon/sources.h"
#include "edge/mqtt/message.h"
#include "edge/profile/library.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::edge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAreArray;

class Home {
 public:
  // What stands in the source beside name and url.
  explicit Home(std::string_view words) {
    const auto text = fmt::format("edge = \"e\"\nrun_dir = \"{}\"\nprofile_path = [\"{}\"]\n"
                                  "[[source.mqtt]]\nname = \"home\"\nurl = \"mqtt://h\"\n{}\n",
                                  folder_.path().string(), TIDEMARK_PROFILES, words);
    const auto loaded = config::parse_edge(text, "edge.toml");
    EXPECT_TRUE(loaded.ok) << (loaded.problems.empty() ? "" : loaded.problems[0].text);
    journal_ = journal::Journal::open({folder_ / "journal", Bytes{1 << 20}}).value();
    auto built = build_sources(loaded.config, *journal_, clock_, random_, buses_);
    EXPECT_TRUE(built.ok()) << (built.ok() ? "" : built.error().text());
    if (built) source_ = std::move(built->front().source);
  }

  // "device/metric = value unit", with "@ time" where the device says it.
  std::vector<std::string> take(std::string_view topic, std::string_view payload) {
    ByteVector buffer;
    journal::Entry entry;
    mqtt::to_entry({.size = payload.size(), .topic = as_bytes(topic),
                    .payload = as_bytes(payload)}, buffer, entry);
    decoded_.clear();
    source_->decoder().decode(entry, table_, decoded_);
    std::vector<std::string> out;
    for (const auto& group : decoded_.groups) {
      for (const auto& c : group.columns) {
        const auto& d = table_.at(c.series);
        auto line = d.local_name() + " = ";
        if (c.type == ValueType::f64) line += fmt::format("{}", c.f64.at(0));
        if (c.type == ValueType::boolean) line += c.i64.at(0) != 0 ? "true" : "false";
        if (c.type == ValueType::text) line += c.text.at(0);
        if (!d.unit.empty()) line += " " + d.unit;
        if (d.kind == SeriesKind::counter) line += " counter";
        const auto time = group.times.at(0);
        if (time != source::Decoded::kArrival) line += " @ " + format_utc(event_time(time));
        out.push_back(std::move(line));
      }
    }
    return out;
  }
  [[nodiscard]] bool last_is_bad() const {
    return is_bad(decoded_.groups.at(0).columns.at(0).quality_of(0));
  }
  [[nodiscard]] std::vector<source::Away> away() const { return source_->status().away; }
  [[nodiscard]] std::string reason() const {
    return decoded_.rejected.empty() ? "" : decoded_.rejected[0].reason;
  }

 private:
  test::TemporaryFolder folder_;
  SystemClock clock_;
  SystemRandom random_;
  modbus::Buses buses_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<source::Source> source_;
  source::SeriesTable table_;
  source::Decoded decoded_;
};

struct Row {
  const char* name;
  const char* words;
  const char* topic;
  const char* payload;
  std::vector<std::string> readings;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
class MqttProfiles : public ::testing::TestWithParam<Row> {};

TEST_P(MqttProfiles, GiveNamedSeriesWithUnits) {
  Home home(GetParam().words);
  EXPECT_THAT(home.take(GetParam().topic, GetParam().payload),
              UnorderedElementsAreArray(GetParam().readings));
  EXPECT_THAT(home.reason(), IsEmpty());
}

constexpr const char* kPlug =
    R"({"Time":"2026-07-01T14:00:00","ENERGY":{"TotalStartTime":"2024-01-01T00:00:00",)"
    R"("Total":12.345,"Yesterday":0.5,"Today":0.25,"Period":3,"Power":42,"ApparentPower":50,)"
    R"("ReactivePower":27,"Factor":0.84,"Voltage":231,"Current":0.216}})";

INSTANTIATE_TEST_SUITE_P(
    Tasmota, MqttProfiles,
    ::testing::Values(
        Row{"a plug, stamped on arrival", "profile = \"tasmota\"", "tele/plug1/SENSOR", kPlug,
            {"plug1/energy_total = 12.345 kW.h counter", "plug1/energy_today = 0.25 kW.h counter",
             "plug1/power = 42 W", "plug1/apparent_power = 50 V.A",
             "plug1/reactive_power = 27 var", "plug1/power_factor = 0.84 1",
             "plug1/voltage = 231 V", "plug1/current = 0.216 A"}},
        Row{"its own time, by the zone that the source names",
            "profile = \"tasmota\"\ntime_zone = \"+02:00\"", "tele/t/SENSOR",
            R"({"Time":"2026-07-01T14:00:00","ENERGY":{"Power":42}})",
            {"t/power = 42 W @ 2026-07-01T12:00:00Z"}},
        Row{"two channels are an array", "profile = \"tasmota\"", "tele/p/SENSOR",
            R"({"ENERGY":{"Total":[1.5,2.5],"Power":[10,20],"Voltage":230}})",
            {"p/energy_total_0 = 1.5 kW.h counter", "p/energy_total_1 = 2.5 kW.h counter",
             "p/power_0 = 10 W", "p/power_1 = 20 W", "p/voltage = 230 V"}},
        Row{"sensors by their names", "profile = \"tasmota\"", "tele/s/SENSOR",
            R"({"DS18B20-1":{"Id":"0A","Temperature":20.5},"BME280":{"Temperature":21.25,)"
            R"("Humidity":55.5,"DewPoint":11.5,"Pressure":1013.25},"TempUnit":"C"})",
            {"s/DS18B20-1_temperature = 20.5 Cel", "s/BME280_temperature = 21.25 Cel",
             "s/BME280_humidity = 55.5 %", "s/BME280_dew_point = 11.5 Cel",
             "s/BME280_pressure = 1013.25 hPa"}},
        Row{"Fahrenheit says so", "profile = \"tasmota\"", "tele/s/SENSOR",
            R"({"HTU21":{"Temperature":70.5,"Humidity":40},"TempUnit":"F"})",
            {"s/HTU21_temperature = 70.5 [degF]", "s/HTU21_humidity = 40 %"}},
        Row{"an SML head", "profile = \"tasmota\"", "tele/m/SENSOR",
            R"({"SML":{"Total_in":1234.5,"Power_curr":-350,"voltage_l1":230.5}})",
            {"m/sml_energy_import = 1234.5 kW.h counter", "m/sml_power = -350 W",
             "m/sml_voltage_l1 = 230.5 V"}}));

INSTANTIATE_TEST_SUITE_P(
    Zigbee2Mqtt, MqttProfiles,
    ::testing::Values(
        Row{"a climate sensor on a battery", "profile = \"zigbee2mqtt\"", "zigbee2mqtt/kitchen",
            R"({"battery":97,"humidity":45.5,"linkquality":120,"temperature":21.5,"voltage":3000,)"
            R"("last_seen":"2026-11-21T13:00:00.250Z","update":{"state":"idle"}})",
            {"kitchen/battery = 97 % @ 2026-11-21T13:00:00.250Z",
             "kitchen/humidity = 45.5 % @ 2026-11-21T13:00:00.250Z",
             "kitchen/linkquality = 120 1 @ 2026-11-21T13:00:00.250Z",
             "kitchen/temperature = 21.5 Cel @ 2026-11-21T13:00:00.250Z",
             "kitchen/battery_voltage = 3000 mV @ 2026-11-21T13:00:00.250Z"}},
        Row{"a plug on the mains", "profile = \"zigbee2mqtt\"", "zigbee2mqtt/plug 1",
            R"({"state":"ON","power":12.5,"energy":3.25,"voltage":229,"current":null})",
            {"plug_1/state = ON", "plug_1/power = 12.5 W", "plug_1/energy = 3.25 kW.h counter",
             "plug_1/voltage = 229 V"}},
        Row{"a device that nobody knows", "profile = \"zigbee2mqtt\"", "zigbee2mqtt/new",
            R"({"radiation_dose":0.25,"child_lock":"LOCK","update":{"installed":3},"power":5})",
            {"new/radiation_dose = 0.25", "new/power = 5 W"}},
        Row{"names with a level more", "profile = \"zigbee2mqtt\"\ntopics = [\"zigbee2mqtt/+/+\"]\n"
                                       "device = \"topic[2]\"", "zigbee2mqtt/first floor/door",
            R"({"contact":false})", {"door/contact = false"}}));

INSTANTIATE_TEST_SUITE_P(
    ShellyGen2, MqttProfiles,
    ::testing::Values(
        Row{"three phases", "profile = \"shelly-gen2\"", "shellypro3em-aabbcc/events/rpc",
            R"({"src":"shellypro3em-aabbcc","dst":"shellypro3em-aabbcc/events",)"
            R"("method":"NotifyStatus","params":{"ts":1763730000.25,"em:0":{"id":0,)"
            R"("a_voltage":230.5,"a_current":1.25,"a_act_power":280.5,"total_act_power":840.5}}})",
            {"shellypro3em-aabbcc/em_0_voltage_a = 230.5 V @ 2025-11-21T13:00:00.250Z",
             "shellypro3em-aabbcc/em_0_current_a = 1.25 A @ 2025-11-21T13:00:00.250Z",
             "shellypro3em-aabbcc/em_0_power_a = 280.5 W @ 2025-11-21T13:00:00.250Z",
             "shellypro3em-aabbcc/em_0_power_total = 840.5 W @ 2025-11-21T13:00:00.250Z"}},
        Row{"energy in watt hours", "profile = \"shelly-gen2\"", "s/events/rpc",
            R"({"method":"NotifyStatus","params":{"ts":1763730000,"emdata:0":{"id":0,)"
            R"("a_total_act_energy":100.5,"total_act":300.5,"total_act_ret":7}}})",
            {"s/em_0_energy_import_a = 100.5 W.h counter @ 2025-11-21T13:00:00Z",
             "s/em_0_energy_import = 300.5 W.h counter @ 2025-11-21T13:00:00Z",
             "s/em_0_energy_export = 7 W.h counter @ 2025-11-21T13:00:00Z"}},
        Row{"a switch, only what changed", "profile = \"shelly-gen2\"", "s/events/rpc",
            R"({"method":"NotifyStatus","params":{"ts":1763730000,"switch:1":{"id":1,)"
            R"("output":true,"apower":12.5,"aenergy":{"total":99.5,"minute_ts":1763729940}}}})",
            {"s/switch_1_on = true @ 2025-11-21T13:00:00Z",
             "s/switch_1_power = 12.5 W @ 2025-11-21T13:00:00Z",
             "s/switch_1_energy = 99.5 W.h counter @ 2025-11-21T13:00:00Z"}},
        Row{"a thermometer that wakes", "profile = \"shelly-gen2\"", "ht/events/rpc",
            R"({"method":"NotifyFullStatus","params":{"ts":1763730000,"temperature:0":{"id":0,)"
            R"("tC":21.5,"tF":70.7},"humidity:0":{"id":0,"rh":45.5},"devicepower:0":{"id":0,)"
            R"("battery":{"V":5.5,"percent":80}}}})",
            {"ht/temperature_0 = 21.5 Cel @ 2025-11-21T13:00:00Z",
             "ht/humidity_0 = 45.5 % @ 2025-11-21T13:00:00Z",
             "ht/devicepower_0_battery = 80 % @ 2025-11-21T13:00:00Z"}},
        Row{"the status of a meter, stamped on arrival",
            "profile = \"shelly-gen2\"\ntopics = [\"+/status/+\"]", "s/status/em:0",
            R"({"id":0,"a_voltage":230.5,"a_act_power":280.5,"total_act_power":840.5})",
            {"s/em_0_voltage_a = 230.5 V", "s/em_0_power_a = 280.5 W",
             "s/em_0_power_total = 840.5 W"}},
        Row{"the status of a switch", "profile = \"shelly-gen2\"\ntopics = [\"+/status/+\"]",
            "s/status/switch:1",
            R"({"id":1,"source":"MQTT","output":true,"apower":12.5,"aenergy":{"total":99.5}})",
            {"s/switch_1_on = true", "s/switch_1_power = 12.5 W",
             "s/switch_1_energy = 99.5 W.h counter"}},
        Row{"an event is no reading", "profile = \"shelly-gen2\"", "s/events/rpc",
            R"({"method":"NotifyEvent","params":{"ts":1763730000,"events":[{"component":"input:0",)"
            R"("id":0,"event":"single_push","ts":1763730000}]}})", {}}));

INSTANTIATE_TEST_SUITE_P(
    Generic, MqttProfiles,
    ::testing::Values(
        Row{"every value of any JSON",
            "profile = \"generic-json\"\ntopics = [\"a/#\"]\ndevice = \"topic[1]\"", "a/press",
            R"({"ts":1763730000,"oil":{"temperature":41.5},"on":true})",
            {"press/oil_temperature = 41.5 @ 2025-11-21T13:00:00Z",
             "press/on = true @ 2025-11-21T13:00:00Z"}},
        Row{"a vibration block as JSON", "profile = \"generic-vibration\"", "plant/pump7/vib",
            R"({"t0":1763730000,"dt_us":1000,"v":[0.5]})",
            {"pump7/vib = 0.5 @ 2025-11-21T13:00:00Z"}}));

TEST(MqttProfile, SparkplugHearsABirthAndItsData) {
  Home home("profile = \"sparkplug-b\"");
  // timestamp 1763730000000, one metric "Temp" (alias 3, Double 21.5), seq 0.
  const std::string_view birth(
      "\x08\x80\x91\x80\xb4\xaa\x33\x12\x1a\x0a\x04Temp\x10\x03\x18\x80\x91\x80\xb4\xaa\x33\x20\x0a"
      "\x69\x00\x00\x00\x00\x00\x80\x35\x40\x18\x00", 37);
  EXPECT_THAT(home.take("spBv1.0/g/NBIRTH/n", birth),
              ElementsAre("g-n/Temp = 21.5 @ 2025-11-21T13:00:00Z"))
      << home.reason();
}

TEST(MqttProfile, AUnitThatChangesIsRefusedAndTheRestCounts) {
  Home home("profile = \"tasmota\"");
  home.take("tele/s/SENSOR", R"({"HTU21":{"Temperature":21.5},"TempUnit":"C"})");
  EXPECT_THAT(home.take("tele/s/SENSOR",
                        R"({"HTU21":{"Temperature":70.5,"Humidity":40},"TempUnit":"F"})"),
              ElementsAre("s/HTU21_humidity = 40 %"));
  EXPECT_THAT(home.reason(), HasSubstr("unit has changed: $.HTU21.Temperature is in 'F', series "
                                       "'s/HTU21_temperature' holds 'C'"));
}

struct PresenceRow {
  const char* profile;
  const char* topic;
  const char* payload;
  const char* presence;
  const char* gone;
  const char* there;
  const char* away;
};
void PrintTo(const PresenceRow& row, std::ostream* out) { *out << row.presence; }
class MqttProfilePresence : public ::testing::TestWithParam<PresenceRow> {};

TEST_P(MqttProfilePresence, ADeviceThatIsAwayIsBadUntilItIsBack) {
  const auto& p = GetParam();
  Home home(fmt::format("profile = \"{}\"", p.profile));
  ASSERT_THAT(home.take(p.topic, p.payload), ::testing::SizeIs(1));
  EXPECT_THAT(home.take(p.presence, p.gone), ::testing::SizeIs(1));
  EXPECT_TRUE(home.last_is_bad());
  EXPECT_THAT(home.reason(), IsEmpty());
  const auto away = home.away();
  ASSERT_THAT(away, ::testing::SizeIs(1));
  EXPECT_EQ(away[0].device, p.away);
  EXPECT_THAT(away[0].reason, HasSubstr(p.presence));
  EXPECT_THAT(home.take(p.presence, p.there), IsEmpty());
  EXPECT_THAT(home.reason(), IsEmpty());
  EXPECT_THAT(home.away(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Profiles, MqttProfilePresence,
    ::testing::Values(
        PresenceRow{"tasmota", "tele/plug/SENSOR", R"({"ENERGY":{"Power":1}})", "tele/plug/LWT",
                    "Offline", "Online", "plug"},
        PresenceRow{"shelly-gen2", "s/events/rpc",
                    R"({"params":{"ts":1763730000,"pm1:0":{"apower":1}}})", "s/online", "false",
                    "true", "s"},
        PresenceRow{"zigbee2mqtt", "zigbee2mqtt/door", R"({"battery":50})",
                    "zigbee2mqtt/door/availability", R"({"state":"offline"})",
                    R"({"state":"online"})", "door"},
        PresenceRow{"zigbee2mqtt", "zigbee2mqtt/door", R"({"battery":50})",
                    "zigbee2mqtt/bridge/state", R"({"state":"offline"})", "online",
                    "all devices"}));

TEST(MqttProfile, MalformedMessagesAreRefusedAndTheNextCounts) {
  for (const auto* profile : {"tasmota", "zigbee2mqtt", "shelly-gen2"}) {
    const auto topic = std::string(profile) == "tasmota"       ? "tele/s/SENSOR"
                       : std::string(profile) == "zigbee2mqtt" ? "zigbee2mqtt/s"
                                                               : "s/events/rpc";
    Home home(fmt::format("profile = \"{}\"", profile));
    for (const auto* payload : {"", "{", "{\"temperature\":", "offline", "[1,2", "\xff{}",
                                "{\"a\":1}}"}) {
      EXPECT_THAT(home.take(topic, payload), IsEmpty()) << profile << " " << payload;
      EXPECT_FALSE(home.reason().empty()) << profile << " " << payload;
    }
    EXPECT_EQ(home.take(topic, R"({"power":1,"ENERGY":{"Power":1},"params":{"ts":1763730000,)"
                               R"("pm1:0":{"apower":1}}})").size(), 1u) << profile;
  }
}

TEST(MqttProfile, EveryProfileOfTheTreeIsRight) {
  const profile::Library library({TIDEMARK_PROFILES});
  std::size_t found = 0;
  for (const auto& name : library.names()) {
    if (!profile::is_mqtt(library.protocol(name).value())) continue;
    const auto loaded = library.load_mqtt(name);
    EXPECT_TRUE(loaded.ok()) << (loaded.ok() ? "" : loaded.error().text());
    ++found;
  }
  EXPECT_EQ(found, 6u);
  const auto wrong = library.load_mqtt("eastron-sdm630");
  ASSERT_FALSE(wrong.ok());
  EXPECT_THAT(wrong.error().text(), HasSubstr("is for modbus, not for MQTT"));
}

struct Mistake {
  const char* name;
  const char* text;
  const char* problem;
};
void PrintTo(const Mistake& m, std::ostream* out) { *out << m.name; }
class MqttProfileMistakes : public ::testing::TestWithParam<Mistake> {};

TEST_P(MqttProfileMistakes, AreTold) {
  const std::string head = "schema = 1\n[profile]\nid = \"p\"\nprotocol = \"mqtt-json\"\n"
                           "source = \"s\"\nverified = \"one source\"\n";
  const auto checked = profile::Library({}).check_text(head + GetParam().text, "p.toml");
  EXPECT_FALSE(checked.ok);
  std::string all;
  for (const auto& p : checked.problems) all += config::render(p) + "\n";
  EXPECT_THAT(all, HasSubstr(GetParam().problem));
}
#define MQTT "[mqtt]\ntopics = [\"a/+\"]\n"
INSTANTIATE_TEST_SUITE_P(
    Table, MqttProfileMistakes,
    ::testing::Values(
        Mistake{"no topics", "[mqtt]\ndevice = \"topic[1]\"\n[[point]]\nname = \"a\"\n"
                             "path = \"$.a\"", "mqtt.topics"},
        Mistake{"no points", MQTT, "there is no [[point]]"},
        Mistake{"every value and points", MQTT "every_value = true\n[[point]]\nname = \"a\"\n"
                                               "path = \"$.a\"", "there are points"},
        Mistake{"the format of JSON", MQTT "format = \"csv\"\n[[point]]\nname = \"a\"\n"
                                           "path = \"$.a\"", "protocol mqtt-json says it"},
        Mistake{"no path", MQTT "[[point]]\nname = \"a\"\npath = \"a\"", "write \"$.a\""},
        Mistake{"one name for many", MQTT "[[point]]\nname = \"a\"\npath = \"$.*.a\"", "say {1}"},
        Mistake{"a wildcard too many", MQTT "[[point]]\nname = \"{2}_a\"\npath = \"$.*.a\"",
                "names a wildcard that its path"},
        Mistake{"twice", MQTT "[[point]]\nname = \"a\"\npath = \"$.a\"\n[[point]]\nname = \"a\"\n"
                              "path = \"$.b\"", "'a' is there already"},
        Mistake{"units of nothing", MQTT "[[point]]\nname = \"a\"\npath = \"$.a\"\n"
                                         "units = { C = \"Cel\" }", "say mqtt.unit_at"},
        Mistake{"extends", "extends = \"tasmota\"\n" MQTT "[[point]]\nname = \"a\"\npath = \"$.a\"",
                "only profiles of protocol modbus extend"},
        Mistake{"presence without a topic",
                MQTT "[[presence]]\npath = \"$.a\"\n[[point]]\nname = \"a\"\npath = \"$.a\"",
                "presence.topic is missing"},
        Mistake{"presence of a bad level",
                MQTT "[[presence]]\ntopic = \"a\"\ndevice = \"topic[1\"\n[[point]]\n"
                     "name = \"a\"\npath = \"$.a\"",
                "'topic[1': expected topic[N] or a name"},
        Mistake{"presence of no filter",
                MQTT "[[presence]]\ntopic = \"a/#/b\"\n[[point]]\nname = \"a\"\n"
                     "path = \"$.a\"", "'#' must be its last level"},
        Mistake{"inside of a bad level",
                MQTT "[[inside]]\ntopic = \"a/b\"\npath = \"$.a.{topic[x]}\"\n[[point]]\n"
                     "name = \"a\"\npath = \"$.a\"", "'topic[x]': expected topic[N]"},
        Mistake{"inside of no filter",
                MQTT "[[inside]]\ntopic = \"a/#/b\"\npath = \"$.a\"\n[[point]]\n"
                     "name = \"a\"\npath = \"$.a\"", "'#' must be its last level"},
        Mistake{"inside of no path", MQTT "[[inside]]\ntopic = \"a/b\"\npath = \"a\"\n[[point]]\n"
                                     "name = \"a\"\npath = \"$.a\"", "write \"$.a\""},
        Mistake{"unknown key", MQTT "[[point]]\nname = \"a\"\npath = \"$.a\"\naddress = 3",
                "address"}));

}  // namespace
}  // namespace tidemark::edge
