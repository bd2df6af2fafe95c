import java.nio.file.*;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Keeps each event of a topic once, in order. usage: java -cp 'lib/*' Consumer.java BROKERS GROUP TOPIC FOLDER */
public class Consumer {
    public static void main(String[] args) throws Exception {
        var consumer = new KafkaConsumer<>(Map.of("bootstrap.servers", args[0], "group.id", args[1], "auto.offset.reset", "earliest",
                "enable.auto.commit", false), new StringDeserializer(), new StringDeserializer());
        consumer.subscribe(List.of(args[2]));
        while (true) {
            var records = consumer.poll(Duration.ofSeconds(1));
            for (var record : records) {
                var header = record.headers().lastHeader("seq");
                if (header == null) continue; // no event
                var file = Path.of(args[3], UUID.fromString(record.key()).toString()); // a user's effects: a line `seq value` for each
                var done = Files.exists(file) ? Files.readAllLines(file) : new ArrayList<String>();
                long seq = Long.parseLong(new String(header.value()));
                if (!done.isEmpty() && seq <= Long.parseLong(done.get(done.size() - 1).split(" ")[0])) continue; // a repetition
                done.add(seq + " " + record.value());
                Files.move(Files.write(file.resolveSibling("next"), done), file, StandardCopyOption.ATOMIC_MOVE); // all or nothing
            }
            if (!records.isEmpty()) consumer.commitSync(); // after the effects
        }
    }
}
